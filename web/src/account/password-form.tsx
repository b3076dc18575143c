import { useForm } from '@mantine/form'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import {
  MIN_PASSWORD_LENGTH,
  PASSWORD_HINT,
  PASSWORD_TOO_SHORT,
} from '../../../src/contract/password.ts'
import { api } from '../app/api.ts'
import { sortProblem } from '../app/problem.ts'
import { focusFault, showFaults } from '../parts/focus-fault.ts'
import { Message } from '../parts/message.tsx'
import { notify } from '../parts/notify.tsx'
import { PasswordField } from '../parts/password-field.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import classes from './account-page.module.css'

const fields = ['current_password', 'new_password'] as const

/** Takes the place of the password, and ends what was signed in with it elsewhere. */
export function PasswordForm({ email }: { email: string }) {
  const [problem, setProblem] = useState<string>()
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { current_password: '', new_password: '' },
    validate: {
      current_password: (text) => (text === '' ? 'Type the password you have now.' : null),
      new_password: (text) => (text.length < MIN_PASSWORD_LENGTH ? PASSWORD_TOO_SHORT : null),
    },
  })
  const change = useMutation({
    mutationFn: (body: typeof form.values) => api.changePassword({ body }),
    onSuccess: () => {
      form.reset()
      notify('good', 'Password changed', 'You were signed out everywhere else.')
    },
    onError: (error) => {
      const sorted = sortProblem(
        error,
        { 'password-wrong': 'current_password', 'password-too-weak': 'new_password' },
        fields,
      )
      showFaults(() => form.setErrors(sorted.fields))
      setProblem(sorted.form)
    },
  })
  return (
    <form
      className={classes.form}
      noValidate
      onSubmit={form.onSubmit(
        (values) => {
          setProblem(undefined)
          if (!change.isPending) change.mutate(values)
        },
        () => focusFault(),
      )}
    >
      <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
      <PasswordField
        key={form.key('current_password')}
        {...form.getInputProps('current_password')}
        label="Current password"
        autoComplete="current-password"
      />
      <PasswordField
        key={form.key('new_password')}
        {...form.getInputProps('new_password')}
        label="New password"
        autoComplete="new-password"
        description={PASSWORD_HINT}
      />
      {problem && (
        <Message tone="bad" urgent>
          <p>{problem}</p>
        </Message>
      )}
      <p className={classes.quiet}>You stay signed in here, and nowhere else.</p>
      <SubmitButton pending={change.isPending}>Change password</SubmitButton>
    </form>
  )
}
