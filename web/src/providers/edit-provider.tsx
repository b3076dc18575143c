import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import type { Provider } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { Message } from '../parts/message.tsx'
import { notify } from '../parts/notify.tsx'
import { Panel, PanelContent, PanelFooter, usePanel } from '../parts/panel.tsx'
import { PanelUnread } from '../parts/panel-unread.tsx'
import { SubmitButton } from '../parts/submit-button.tsx'
import { providerQuery } from '../runtimes/runtimes.ts'
import { editButtonId } from './ids.ts'
import { ProviderFields } from './provider-fields.tsx'
import { type ProviderValues, useProviderForm } from './provider-form.ts'

const route = getRouteApi('/signed-in/admin/providers/$providerId/edit')

/** Changes what a Git host is called, its tenant, or, while nothing was given to it, its address. */
export function EditProvider() {
  const { providerId } = route.useParams()
  const panel = usePanel('/admin/providers')
  const { data: provider, error, refetch } = useQuery(providerQuery(providerId))
  return (
    <Panel panel={panel} title="Edit Git host" startAtTitle focusAfter={editButtonId(providerId)}>
      {provider ? (
        <EditForm provider={provider} onClose={panel.close} />
      ) : (
        <PanelUnread
          error={error}
          lines={6}
          back="Back to the Git hosts"
          onBack={panel.close}
          onRetry={() => void refetch()}
        />
      )}
    </Panel>
  )
}

function EditForm({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  const queryClient = useQueryClient()
  const { id, kind, name, base_url } = provider
  const tenant = provider.tenant ?? ''
  const fields = useProviderForm({ kind, name, base_url, tenant })
  const save = useMutation({
    mutationFn: (values: ProviderValues) => {
      const typed = values.tenant.trim()
      return api.updateProvider({
        params: { id },
        body: {
          name: values.name.trim(),
          ...(values.base_url.trim() !== base_url && { base_url: values.base_url.trim() }),
          ...(fields.confirmed && { private_address_confirmed: true }),
          ...(typed !== tenant && { tenant: typed === '' ? null : typed }),
        },
      })
    },
    onSuccess: async (changed) => {
      await queryClient.invalidateQueries({ queryKey: ['providers'] })
      notify('good', 'Git host changed', `It is called ${changed.name}.`)
      onClose()
    },
    onError: fields.fail,
  })
  return (
    <form
      noValidate
      onSubmit={fields.onSubmit((values) => {
        if (!save.isPending) save.mutate(values)
      })}
    >
      <PanelContent>
        <ProviderFields
          fields={fields}
          addressNote="It can change only while there are neither tokens nor an app for it: they would be sent to the new one."
        />
        {fields.form.values.tenant.trim() !== tenant && (
          <Message tone="warn" title="Another tenant may not refresh what the one before granted.">
            <p>Git actions of people who authorized before then fail until they authorize again.</p>
          </Message>
        )}
      </PanelContent>
      <PanelFooter>
        <SubmitButton pending={save.isPending}>Save</SubmitButton>
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
      </PanelFooter>
    </form>
  )
}
