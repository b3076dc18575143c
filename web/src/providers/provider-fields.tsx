import { Checkbox, TextInput } from '@mantine/core'
import { Message } from '../parts/message.tsx'
import type { ProviderForm } from './provider-form.ts'

/** The fields of a Git host, and what went wrong with them. */
export function ProviderFields({
  fields: { form, problem, isPrivate, confirmed, confirm },
  addressNote,
}: {
  fields: ProviderForm
  /** What to know about the address. */
  addressNote?: string
}) {
  return (
    <>
      <TextInput
        {...form.getInputProps('name')}
        label="Name"
        description="As people call it: Company Git, Sandbox forge."
        maxLength={80}
        autoComplete="off"
        data-autofocus
      />
      <TextInput
        {...form.getInputProps('base_url')}
        label="Address"
        description={addressNote}
        placeholder="https://git.example.com"
        type="url"
        maxLength={500}
        autoComplete="off"
        spellCheck={false}
      />
      {form.values.kind === 'azure-devops' && (
        <TextInput
          {...form.getInputProps('tenant')}
          label="Microsoft Entra tenant (optional)"
          description="Id or domain of the one tenant that the OAuth app is for. Empty: people of any organization sign in."
          placeholder="contoso.onmicrosoft.com"
          maxLength={253}
          autoComplete="off"
          spellCheck={false}
        />
      )}
      {isPrivate && (
        <Checkbox
          label="This address is inside our network, and I mean it"
          description="Countersign will send requests and tokens to it."
          checked={confirmed}
          onChange={(event) => confirm(event.currentTarget.checked)}
        />
      )}
      {problem && (
        <Message tone="bad" urgent>
          <p>{problem}</p>
        </Message>
      )}
    </>
  )
}
