import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { Runtime } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { notify } from '../parts/notify.tsx'
import { count, runtimeQuery } from './runtimes.ts'

/** Asks before a runtime and all that people allowed it ends. */
export function RemoveRuntime({ runtime, onClose }: { runtime: Runtime; onClose: () => void }) {
  const queryClient = useQueryClient()
  const navigate = useNavigate()

  async function remove() {
    await api.deleteRuntime({ params: { id: runtime.id } })
    await navigate({ to: '/admin/runtimes', replace: true })
    queryClient.removeQueries({ queryKey: runtimeQuery(runtime.id).queryKey })
    await queryClient.invalidateQueries({ queryKey: ['runtimes'] })
    notify('good', 'Removed', `${runtime.name} is no longer a runtime.`)
  }

  return (
    <ConfirmDialog
      title={`Remove runtime ${runtime.name}?`}
      confirm="Remove runtime"
      onConfirm={remove}
      onClose={onClose}
      focusAfter="remove-runtime"
    >
      <p>
        {runtime.authorizations === 0 ? (
          <>Nobody has authorized it. </>
        ) : (
          <>
            {count(runtime.authorizations, 'authorization')} end
            {runtime.authorizations === 1 && 's'}: pushes from <code>{runtime.name}</code> as these
            people will fail.{' '}
          </>
        )}
        Its {runtime.keys.length === 1 ? 'key stops' : 'keys stop'} working at once.
      </p>
      <p>Its own tokens, and those that no other runtime uses, are destroyed here.</p>
    </ConfirmDialog>
  )
}
