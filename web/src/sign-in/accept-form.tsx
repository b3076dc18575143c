import { TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { EMAIL_HINT, isEmail } from '../../../src/contract/email.ts'
import {
  MIN_PASSWORD_LENGTH,
  PASSWORD_HINT,
  PASSWORD_TOO_SHORT,
} from '../../../src/contract/password.ts'
import { api } from '../app/api.ts'
import { sortProblem } from '../app/problem.ts'
import { useEnter } from '../app/session.ts'
import { focusFault, showFaults } from '../parts/focus-fault.ts'
import { Message } from '../parts/message.tsx'
import { PasswordField } from '../parts/password-field.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'

const fields = ['name', 'email', 'password'] as const

/** Makes the person that an invitation is for. */
export function AcceptForm({
  token,
  email,
  first,
}: {
  token: string
  /** The address the invitation is for; null: any. */
  email: string | null
  first: boolean
}) {
  const enter = useEnter()
  const [problem, setProblem] = useState<string>()
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { name: '', email: email ?? '', password: '' },
    validate: {
      name: (name) => (name.trim() === '' ? 'Type your name, as others know it.' : null),
      email: (address) => (isEmail(address.trim()) ? null : EMAIL_HINT),
      password: (password) => (password.length < MIN_PASSWORD_LENGTH ? PASSWORD_TOO_SHORT : null),
    },
  })
  const accept = useMutation({
    mutationFn: ({ name, email, password }: typeof form.values) =>
      api.acceptInvite({ body: { token, name: name.trim(), email: email.trim(), password } }),
    onSuccess: (session) => enter(session, '/tokens'),
    onError: (error) => {
      const sorted = sortProblem(
        error,
        { 'email-taken': 'email', 'password-too-weak': 'password' },
        fields,
      )
      showFaults(() => form.setErrors(sorted.fields))
      setProblem(sorted.form)
    },
  })
  return (
    <form
      noValidate
      onSubmit={form.onSubmit(
        (values) => {
          setProblem(undefined)
          if (!accept.isPending) accept.mutate(values)
        },
        () => focusFault(),
      )}
    >
      {problem && (
        <Message tone="bad" urgent>
          <p>{problem}</p>
        </Message>
      )}
      <TextInput
        key={form.key('name')}
        {...form.getInputProps('name')}
        label="Name"
        autoComplete="name"
        maxLength={80}
        autoFocus
      />
      <TextInput
        key={form.key('email')}
        {...form.getInputProps('email')}
        label="E-mail"
        type="email"
        maxLength={320}
        name="email"
        autoComplete="username"
        readOnly={email !== null}
        description={email === null ? undefined : 'The invitation is for this address.'}
      />
      <PasswordField
        key={form.key('password')}
        {...form.getInputProps('password')}
        label="Password"
        name="password"
        autoComplete="new-password"
        description={PASSWORD_HINT}
      />
      <SubmitButton pending={accept.isPending} fullWidth size="md">
        {first ? 'Set up Countersign' : 'Join'}
      </SubmitButton>
    </form>
  )
}
