import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { Access, Connection } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { notify } from '../parts/notify.tsx'
import { panelButtonId } from '../tokens/access.ts'
import { LastOne } from '../tokens/delete-dialog.tsx'
import { ownTokenQuery, runtimeItself } from './own-token.ts'

/** Asks before a runtime loses its robot account at a Git host. */
export function DeleteOwnToken({
  access: { runtime, provider },
  connection,
  onClose,
}: {
  access: Access
  connection: Connection
  onClose: () => void
}) {
  const queryClient = useQueryClient()
  const detail = useQuery(ownTokenQuery(runtime.id, provider.id))
  const byOAuth = connection.method === 'oauth'

  async function remove() {
    await api.deleteRuntimeToken({ params: { runtime_id: runtime.id, provider_id: provider.id } })
    await runtimeItself.refresh(queryClient)
    notify('good', 'Deleted', `${runtime.name} can no longer act at ${provider.name} as itself.`)
  }

  return (
    <ConfirmDialog
      title={`Delete ${runtime.name}'s own ${byOAuth ? 'authorization' : 'token'}?`}
      confirm="Delete"
      onConfirm={remove}
      onClose={onClose}
      focusAfter={panelButtonId(runtime.id, provider.id)}
    >
      <p>
        What <code>{runtime.name}</code> does at {provider.name} as itself (
        {connection.account.login}) will fail: pushes, and clones and fetches of what is not public.
        What it does as people goes on.
      </p>
      <LastOne own provider={provider} byOAuth={byOAuth} revocation={detail.data?.revocation} />
    </ConfirmDialog>
  )
}
