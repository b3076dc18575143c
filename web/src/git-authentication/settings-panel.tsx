import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { Message } from '../parts/message.tsx'
import { Panel, PanelContent, usePanel } from '../parts/panel.tsx'
import { PanelUnread } from '../parts/panel-unread.tsx'
import { runtimeQuery } from '../runtimes/runtimes.ts'
import { settingsButtonId } from './ids.ts'
import { settingsQuery } from './settings.ts'
import { SettingsForm } from './settings-form.tsx'

const route = getRouteApi('/signed-in/admin/runtimes/$runtimeId/git/$providerId')

/** What people may do, and for how long, when they authorize a runtime at a Git host. */
export function SettingsPanel() {
  const { runtimeId, providerId } = route.useParams()
  const panel = usePanel(`/admin/runtimes/${runtimeId}`)
  const runtime = useQuery(runtimeQuery(runtimeId))
  const { data, error, refetch } = useQuery(settingsQuery(runtimeId))
  const settings = data?.find(({ provider }) => provider.id === providerId)
  return (
    <Panel
      panel={panel}
      title="Git authentication"
      startAtTitle
      focusAfter={settingsButtonId(providerId)}
    >
      {settings && (
        <SettingsForm
          runtime={{ id: runtimeId, name: runtime.data?.name ?? 'this runtime' }}
          settings={settings}
          onClose={panel.close}
        />
      )}
      {!data && (
        <PanelUnread
          error={error}
          back="Back to the runtime"
          onBack={panel.close}
          onRetry={() => void refetch()}
        />
      )}
      {data && !settings && (
        <PanelContent>
          <Message
            tone="info"
            title="This runtime does not use that Git host."
            action={
              <Button variant="default" onClick={panel.close}>
                Back to the runtime
              </Button>
            }
          >
            <p>Add it with Edit runtime first.</p>
          </Message>
        </PanelContent>
      )}
    </Panel>
  )
}
