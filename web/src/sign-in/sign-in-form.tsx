import { TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import type { Session } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { sentenceFor } from '../app/problem.ts'
import { focusFault } from '../parts/focus-fault.ts'
import { Message } from '../parts/message.tsx'
import { PasswordField } from '../parts/password-field.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'

/** Takes e-mail and password. */
export function SignInForm({
  email = '',
  onSession,
}: {
  /** Of whoever is expected. */
  email?: string
  /** Called with the session of the person who is signed in now. */
  onSession: (session: Session) => void
}) {
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { email, password: '' },
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
      if (session.person) onSession(session)
    },
  })
  return (
    <>
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
          {...(!email && focused)}
        />
        <PasswordField
          key={form.key('password')}
          {...form.getInputProps('password')}
          label="Password"
          name="password"
          autoComplete="current-password"
          {...(email && focused)}
        />
        <SubmitButton pending={signIn.isPending} fullWidth size="md">
          Sign in
        </SubmitButton>
      </form>
    </>
  )
}

/** The second says it to a dialog, too, which would begin at its first field. */
const focused = { autoFocus: true, 'data-autofocus': true }
