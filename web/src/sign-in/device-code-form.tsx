import { TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { focusFault } from '../parts/focus-fault.ts'
import { SubmitButton } from '../parts/submit-button.tsx'

/** Takes the code from somebody who came by the address alone. */
export function DeviceCodeForm({ onCode }: { onCode: (code: string) => void }) {
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { code: '' },
    validate: {
      code: (code) =>
        code.replaceAll(/[^a-z]/gi, '').length === 8
          ? null
          : 'A code has eight letters, like BCDF-GHJK.',
    },
  })
  return (
    <form
      noValidate
      onSubmit={form.onSubmit(
        ({ code }) => onCode(code.trim().toUpperCase()),
        () => focusFault(),
      )}
    >
      <TextInput
        key={form.key('code')}
        {...form.getInputProps('code')}
        label="Code"
        placeholder="BCDF-GHJK"
        autoComplete="one-time-code"
        autoCapitalize="characters"
        spellCheck={false}
        maxLength={40}
        autoFocus
      />
      <SubmitButton pending={false} fullWidth size="md">
        Continue
      </SubmitButton>
    </form>
  )
}
