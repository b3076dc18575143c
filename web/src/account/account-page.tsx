import { Button, TextInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { api } from '../app/api.ts'
import { sentenceFor } from '../app/problem.ts'
import { sessionQuery, useEnter, usePerson } from '../app/session.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { focusFault } from '../parts/focus-fault.ts'
import { Message } from '../parts/message.tsx'
import { notify } from '../parts/notify.tsx'
import { PageHeader } from '../parts/page-header.tsx'
import { Section } from '../parts/section.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import classes from './account-page.module.css'
import { PasswordForm } from './password-form.tsx'

/** What a person may change about themselves. */
export function AccountPage() {
  const { email } = usePerson()
  return (
    <>
      <PageHeader title="Account" lead={`You sign in as ${email}.`} />
      <div className={classes.sections}>
        <Section title="Name">
          <NameForm />
        </Section>
        <Section title="Password">
          <PasswordForm email={email} />
        </Section>
        <Section title="Sessions">
          <Sessions />
        </Section>
      </div>
    </>
  )
}

function NameForm() {
  const person = usePerson()
  const queryClient = useQueryClient()
  const [name, setName] = useState(person.name)
  const [fault, setFault] = useState<string>()
  const save = useMutation({
    mutationFn: () => api.updateAccount({ body: { name: name.trim() } }),
    onSuccess: (changed) => {
      queryClient.setQueryData(sessionQuery.queryKey, (old) => old && { ...old, person: changed })
      notify('good', 'Name changed', `Others now see you as ${changed.name}.`)
    },
  })
  function submit(event: FormEvent) {
    event.preventDefault()
    const missing = name.trim() === '' ? 'Type your name, as others know it.' : undefined
    setFault(missing)
    if (missing) focusFault()
    else if (!save.isPending) save.mutate()
  }
  return (
    <form className={classes.form} noValidate onSubmit={submit}>
      <TextInput
        label="Name"
        autoComplete="name"
        maxLength={80}
        value={name}
        error={fault}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      {save.isError && (
        <Message tone="bad" urgent>
          <p>{sentenceFor(save.error)}</p>
        </Message>
      )}
      <SubmitButton pending={save.isPending}>Save name</SubmitButton>
    </form>
  )
}

function Sessions() {
  const enter = useEnter()
  const [asking, setAsking] = useState(false)
  async function signOutEverywhere() {
    await api.endSessions({})
    enter(await api.getSession({}), '/sign-in')
  }
  return (
    <>
      <p className={classes.quiet}>
        Ends every session of yours, this one and those of command lines too. What you allowed
        runtimes goes on working.
      </p>
      <Button
        id="sign-out-everywhere"
        className={classes.button ?? ''}
        variant="default"
        onClick={() => setAsking(true)}
      >
        Sign out everywhere
      </Button>
      {asking && (
        <ConfirmDialog
          title="Sign out everywhere?"
          confirm="Sign out everywhere"
          onConfirm={signOutEverywhere}
          onClose={() => setAsking(false)}
          focusAfter="sign-out-everywhere"
        >
          <p>You sign in again in each browser, here too. Runtimes go on acting as you.</p>
        </ConfirmDialog>
      )}
    </>
  )
}
