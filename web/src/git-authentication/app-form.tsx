import { useEffect, useRef, useState } from 'react'
import { focusPanelTitle } from '../parts/panel.tsx'
import type { AppFormProps } from './clients.ts'
import { RegisterForm } from './register-form.tsx'
import { RegisteredApp } from './registered-app.tsx'

/** The app that is there, or what is needed to register one. */
export function AppForm(props: AppFormProps) {
  const [replacing, setReplacing] = useState(false)
  const { client } = props.form
  const registered = client !== null && !replacing
  const shown = useRef(registered)
  useEffect(() => {
    if (shown.current !== registered) focusPanelTitle()
    shown.current = registered
  }, [registered])
  if (client && registered) {
    return <RegisteredApp {...props} client={client} onReplace={() => setReplacing(true)} />
  }
  return <RegisterForm {...props} onSaved={() => setReplacing(false)} />
}
