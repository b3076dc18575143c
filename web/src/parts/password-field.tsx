import { PasswordInput, type PasswordInputProps } from '@mantine/core'

/** A field for a password, which says itself that it is wrong; Mantine marks only what is around it. */
export function PasswordField(props: PasswordInputProps) {
  return <PasswordInput {...props} aria-invalid={props.error ? true : undefined} />
}
