import { useState } from 'react'
import type { AppFormProps } from './clients.ts'
import { RegisterForm } from './register-form.tsx'
import { RegisteredApp } from './registered-app.tsx'

/** The app that is there, or what is needed to register one. */
export function AppForm(props: AppFormProps) {
  const [replacing, setReplacing] = useState(false)
  const { client } = props.form
  if (client && !replacing) {
    return <RegisteredApp {...props} client={client} onReplace={() => setReplacing(true)} />
  }
  return <RegisterForm {...props} onSaved={() => setReplacing(false)} />
}
