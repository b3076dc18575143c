import { Button, Checkbox, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { ProviderKind } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { isProblem, sortProblem } from '../app/problem.ts'
import { Message } from '../parts/message.tsx'
import { notify } from '../parts/notify.tsx'
import { Panel, PanelContent, PanelFooter, usePanel } from '../parts/panel.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { KindChoice } from './kind-choice.tsx'

const fields = ['name', 'base_url', 'tenant']

const fieldOf = {
  'name-taken': 'name',
  'provider-exists': 'base_url',
  'provider-address-invalid': 'base_url',
  'provider-address-private': 'base_url',
  'provider-not-recognized': 'base_url',
  'provider-unavailable': 'base_url',
} as const

/** Registers a Git host. An address inside the own network is asked about once more. */
export function NewProvider() {
  const panel = usePanel('/admin/providers')
  const queryClient = useQueryClient()
  const [problem, setProblem] = useState<string>()
  const [isPrivate, setPrivate] = useState(false)
  const [confirmed, setConfirmed] = useState(false)
  const form = useForm({
    initialValues: { kind: 'gitea' as ProviderKind, name: '', base_url: '', tenant: '' },
    validate: {
      name: (name) => (name.trim() === '' ? 'Type a name, as people call this host.' : null),
      base_url: (address) =>
        /^https?:\/\/\S+$/.test(address.trim())
          ? null
          : 'Type the whole address, like https://git.example.com.',
      tenant: (tenant, { kind }) =>
        kind !== 'azure-devops' || /^([a-z0-9][a-z0-9.-]*)?$/i.test(tenant.trim())
          ? null
          : 'Type the tenant’s id or domain, like contoso.onmicrosoft.com.',
    },
    onValuesChange: (values, before) => {
      if (values.base_url === before.base_url) return
      setPrivate(false)
      setConfirmed(false)
    },
  })
  const create = useMutation({
    mutationFn: ({ kind, name, base_url, tenant }: typeof form.values) =>
      api.createProvider({
        body: {
          kind,
          name: name.trim(),
          base_url: base_url.trim(),
          ...(confirmed && { private_address_confirmed: true }),
          ...(kind === 'azure-devops' && tenant.trim() !== '' && { tenant: tenant.trim() }),
        },
      }),
    onSuccess: async (provider) => {
      await queryClient.invalidateQueries({ queryKey: ['providers'] })
      notify('good', 'Git host added', `Runtimes can now use ${provider.name}.`)
      panel.close()
    },
    onError: (error) => {
      setPrivate(isPrivate || isProblem(error, 'provider-address-private'))
      const sorted = sortProblem(error, fieldOf, fields)
      form.setErrors(sorted.fields)
      setProblem(sorted.form)
    },
  })
  return (
    <Panel panel={panel} title="Add Git host" focusAfter="add-provider">
      <form
        noValidate
        onSubmit={form.onSubmit((values) => {
          setProblem(undefined)
          if (!create.isPending) create.mutate(values)
        })}
      >
        <PanelContent>
          <KindChoice
            kind={form.values.kind}
            onChange={(kind) => form.setFieldValue('kind', kind)}
          />
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
              onChange={(event) => setConfirmed(event.currentTarget.checked)}
            />
          )}
          {problem && (
            <Message tone="bad" urgent>
              <p>{problem}</p>
            </Message>
          )}
        </PanelContent>
        <PanelFooter note="The host is asked once, to see that it is what you say.">
          <SubmitButton pending={create.isPending}>Add Git host</SubmitButton>
          <Button variant="default" onClick={panel.close}>
            Cancel
          </Button>
        </PanelFooter>
      </form>
    </Panel>
  )
}
