import { TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { api } from '../app/api.ts'
import { sentenceFor } from '../app/problem.ts'
import { ownPath, sessionQuery, useEnter } from '../app/session.ts'
import { focusFault } from '../parts/focus-fault.ts'
import { Message } from '../parts/message.tsx'
import { PasswordField } from '../parts/password-field.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { Doorway } from './doorway.tsx'

const route = getRouteApi('/sign-in')

export function SignInPage() {
  const { to } = route.useSearch()
  const enter = useEnter()
  const session = useQuery({ ...sessionQuery, staleTime: 0 })
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { email: '', password: '' },
    validate: {
      email: (email) => (email.trim() === '' ? 'Type your e-mail address.' : null),
      password: (password) => (password === '' ? 'Type your password.' : null),
    },
  })
  const signIn = useMutation({
    mutationFn: async (values: typeof form.values) => {
      await api.signIn({ body: { email: values.email.trim(), password: values.password } })
      // A browser that keeps no cookies has forgotten it by now.
      return await api.getSession({})
    },
    onSuccess: (session) => {
      if (session.person) enter(session, ownPath(to))
    },
  })
  return (
    <Doorway title="Sign in" lead="Git access authorized once, for each runtime.">
      {session.data?.setup_required && (
        <Message tone="info" title="This Countersign is not set up yet.">
          <p>
            Open the one-time link that the terminal printed when Countersign started: it makes you
            the administrator.
          </p>
        </Message>
      )}
      {signIn.isError && (
        <Message tone="bad" urgent>
          <p>{sentenceFor(signIn.error)}</p>
        </Message>
      )}
      {signIn.data?.person === null && (
        <Message tone="bad" urgent title="This browser keeps no cookie of Countersign.">
          <p>
            E-mail and password are right, but the browser does not remember that you signed in.
            Allow cookies for this site in its settings, then sign in again.
          </p>
        </Message>
      )}
      <form
        noValidate
        onSubmit={form.onSubmit(
          (values) => {
            if (!signIn.isPending) signIn.mutate(values)
          },
          () => focusFault(),
        )}
      >
        <TextInput
          key={form.key('email')}
          {...form.getInputProps('email')}
          label="E-mail"
          type="email"
          name="email"
          autoComplete="username"
          autoFocus
        />
        <PasswordField
          key={form.key('password')}
          {...form.getInputProps('password')}
          label="Password"
          name="password"
          autoComplete="current-password"
        />
        <SubmitButton pending={signIn.isPending} fullWidth size="md">
          Sign in
        </SubmitButton>
      </form>
    </Doorway>
  )
}
