import { ActionIcon, TextInput, type TextInputProps } from '@mantine/core'
import { IconEye, IconEyeOff } from '@tabler/icons-react'
import { type Ref, useState } from 'react'
import classes from './secret-field.module.css'

/** A password field would be kept by the browser; where text can be masked, it is masked text. */
const canMaskText = CSS.supports('-webkit-text-security', 'disc')

/** A field for a secret. Masked, and kept away from whatever remembers passwords. */
export function SecretField({
  label,
  ...props
}: Omit<TextInputProps, 'type' | 'rightSection' | 'classNames'> & {
  label: string
  ref?: Ref<HTMLInputElement>
}) {
  const [shown, setShown] = useState(false)
  const name = label.toLowerCase()
  return (
    <TextInput
      {...props}
      label={label}
      type={canMaskText || shown ? 'text' : 'password'}
      data-masked={shown ? undefined : true}
      classNames={{ input: classes.input ?? '' }}
      autoComplete="off"
      autoCapitalize="off"
      autoCorrect="off"
      spellCheck={false}
      data-1p-ignore
      data-bwignore
      data-lpignore="true"
      data-form-type="other"
      rightSection={
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={shown ? `Hide ${name}` : `Show ${name}`}
          onClick={() => setShown(!shown)}
        >
          {shown ? <IconEyeOff size={17} aria-hidden /> : <IconEye size={17} aria-hidden />}
        </ActionIcon>
      }
    />
  )
}
