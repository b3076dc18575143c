import { getRouteApi } from '@tanstack/react-router'
import { panelButtonId } from '../tokens/access.ts'
import { RowPanel } from '../tokens/token-panel.tsx'
import { ownTokenQuery } from './own-token.ts'

const route = getRouteApi('/signed-in/admin/runtimes/$runtimeId/token/$providerId')

/** *Add Token* or *Update Token* for a runtime's own token. */
export function OwnTokenPanel() {
  const { runtimeId, providerId } = route.useParams()
  const { request } = route.useSearch()
  return (
    <RowPanel
      key={`${runtimeId}.${providerId}`}
      query={ownTokenQuery(runtimeId, providerId)}
      request={request}
      parent={`/admin/runtimes/${runtimeId}`}
      back="Back to the runtime"
      focusAfter={panelButtonId(runtimeId, providerId)}
    />
  )
}
