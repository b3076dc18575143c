import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { type OpenPanel, Panel, usePanel } from '../parts/panel.tsx'
import { PanelUnread } from '../parts/panel-unread.tsx'
import { providerQuery, runtimeQuery } from '../runtimes/runtimes.ts'
import { AppForm } from './app-form.tsx'
import { type AppPlace, clientFormQuery } from './clients.ts'
import { appButtonId } from './ids.ts'

const defaultRoute = getRouteApi('/signed-in/admin/git-authentication/$providerId')
const runtimeRoute = getRouteApi('/signed-in/admin/runtimes/$runtimeId/git/$providerId/app')

/** The app with which people authorize at a Git host, wherever a runtime has no own. */
export function DefaultApp() {
  const { providerId } = defaultRoute.useParams()
  const panel = usePanel('/admin/git-authentication')
  const { data } = useQuery(providerQuery(providerId))
  return <AppPanel panel={panel} place={{ provider_id: providerId }} name={data?.name} />
}

/** The app that only one runtime uses. */
export function RuntimeApp() {
  const { runtimeId, providerId } = runtimeRoute.useParams()
  const panel = usePanel(`/admin/runtimes/${runtimeId}`)
  const { data } = useQuery(runtimeQuery(runtimeId))
  const provider = data?.providers.find(({ id }) => id === providerId)
  const place = { provider_id: providerId, runtime_id: runtimeId }
  return <AppPanel panel={panel} place={place} name={provider?.name} runtime={data?.name} />
}

function AppPanel({
  panel,
  place,
  name,
  runtime,
}: {
  panel: OpenPanel
  place: AppPlace
  name: string | undefined
  runtime?: string | undefined
}) {
  const { data: form, error, refetch } = useQuery(clientFormQuery(place))
  const provider = name ?? form?.client?.provider.name ?? 'the Git host'
  return (
    <Panel
      panel={panel}
      title={form?.client ? `App at ${provider}` : `Register app at ${provider}`}
      startAtTitle
      focusAfter={appButtonId(place.provider_id)}
    >
      {form ? (
        <AppForm form={form} place={place} provider={provider} runtime={runtime} panel={panel} />
      ) : (
        <PanelUnread
          error={error}
          back="Back"
          onBack={panel.close}
          onRetry={() => void refetch()}
        />
      )}
    </Panel>
  )
}
