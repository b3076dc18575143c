import { Button, Radio, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { isEmail } from '../../../src/contract/email.ts'
import type { Role } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { sortProblem } from '../app/problem.ts'
import { CopyField } from '../parts/copy-field.tsx'
import { focusFault, showFaults } from '../parts/focus-fault.ts'
import { Message } from '../parts/message.tsx'
import { type OpenPanel, Panel, PanelContent, PanelFooter, usePanel } from '../parts/panel.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { Time } from '../parts/time.tsx'

/** Invites somebody by a link that works once. */
export function NewInvite() {
  const panel = usePanel('/admin/people')
  return (
    <Panel panel={panel} title="Invite" focusAfter="invite-person">
      <InviteForm panel={panel} />
    </Panel>
  )
}

function InviteForm({ panel }: { panel: OpenPanel }) {
  const queryClient = useQueryClient()
  const [problem, setProblem] = useState<string>()
  const form = useForm({
    initialValues: { role: 'member' as Role, email: '' },
    validate: {
      email: (email) =>
        email.trim() === '' || isEmail(email.trim())
          ? null
          : 'Type an e-mail address, like ana@example.com, or none.',
    },
  })
  const create = useMutation({
    mutationFn: ({ role, email }: typeof form.values) =>
      api.createInvite({ body: { role, ...(email.trim() && { email: email.trim() }) } }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ['invites'] }),
    onError: (error) => {
      const sorted = sortProblem(error, { 'email-taken': 'email' }, ['email', 'role'])
      showFaults(() => form.setErrors(sorted.fields))
      setProblem(sorted.form)
    },
  })
  if (create.data) {
    const { invite, url } = create.data
    return (
      <>
        <PanelContent>
          <Message tone="warn" title="This link is shown once.">
            <p>
              Send it to {invite.email ?? 'the person you invite'}, over a channel you trust. It
              works once, and ends <Time at={invite.expires_at} />.
            </p>
          </Message>
          <CopyField label="Invitation link" text={url} />
        </PanelContent>
        <PanelFooter>
          <Button onClick={panel.close}>Done</Button>
        </PanelFooter>
      </>
    )
  }
  return (
    <form
      noValidate
      onSubmit={form.onSubmit(
        (values) => {
          setProblem(undefined)
          if (!create.isPending) create.mutate(values)
        },
        () => focusFault(),
      )}
    >
      <PanelContent>
        <Radio.Group {...form.getInputProps('role')} label="Role">
          <Radio
            mt={10}
            value="member"
            label="Member"
            description="Manages their own tokens."
            data-autofocus
          />
          <Radio
            mt={10}
            value="admin"
            label="Administrator"
            description="Manages runtimes, Git hosts and people too. Nobody sees the tokens of others."
          />
        </Radio.Group>
        <TextInput
          {...form.getInputProps('email')}
          label="E-mail (optional)"
          description="When given, only this address can accept. No e-mail is sent."
          type="email"
          maxLength={320}
          autoComplete="off"
        />
        {problem && (
          <Message tone="bad" urgent>
            <p>{problem}</p>
          </Message>
        )}
      </PanelContent>
      <PanelFooter>
        <SubmitButton pending={create.isPending}>Make invitation link</SubmitButton>
        <Button variant="default" onClick={panel.close}>
          Cancel
        </Button>
      </PanelFooter>
    </form>
  )
}
