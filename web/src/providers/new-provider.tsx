import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '../app/api.ts'
import { notify } from '../parts/notify.tsx'
import { Panel, PanelContent, PanelFooter, usePanel } from '../parts/panel.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { KindChoice } from './kind-choice.tsx'
import { ProviderFields } from './provider-fields.tsx'
import { type ProviderValues, useProviderForm } from './provider-form.ts'

/** Registers a Git host. */
export function NewProvider() {
  const panel = usePanel('/admin/providers')
  const queryClient = useQueryClient()
  const fields = useProviderForm({ kind: 'gitea', name: '', base_url: '', tenant: '' })
  const create = useMutation({
    mutationFn: ({ kind, name, base_url, tenant }: ProviderValues) =>
      api.createProvider({
        body: {
          kind,
          name: name.trim(),
          base_url: base_url.trim(),
          ...(fields.confirmed && { private_address_confirmed: true }),
          ...(kind === 'azure-devops' && tenant.trim() !== '' && { tenant: tenant.trim() }),
        },
      }),
    onSuccess: async (provider) => {
      await queryClient.invalidateQueries({ queryKey: ['providers'] })
      notify('good', 'Git host added', `Runtimes can now use ${provider.name}.`)
      panel.close()
    },
    onError: fields.fail,
  })
  return (
    <Panel panel={panel} title="Add Git host" focusAfter="add-provider">
      <form
        noValidate
        onSubmit={fields.onSubmit((values) => {
          if (!create.isPending) create.mutate(values)
        })}
      >
        <PanelContent>
          <KindChoice
            kind={fields.form.values.kind}
            onChange={(kind) => fields.form.setFieldValue('kind', kind)}
          />
          <ProviderFields fields={fields} />
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
