import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { OAuthClient } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { notify } from '../parts/notify.tsx'
import { type AppPlace, clientFormQuery, usersInWords } from './clients.ts'

/** Asks before an app, and all that people authorized with it, stops working. */
export function RemoveApp({
  client,
  place,
  onClose,
}: {
  client: OAuthClient
  place: AppPlace
  onClose: () => void
}) {
  const queryClient = useQueryClient()
  const { data: form } = useQuery(clientFormQuery(place))
  const users = form && usersInWords(form.used_by)
  const { provider, runtime } = client

  async function remove() {
    await api.deleteClient({ params: { id: client.id } })
    await queryClient.invalidateQueries({ queryKey: ['clients'] })
    notify('good', 'Removed', `The app at ${provider.name} is no longer registered here.`)
  }

  return (
    <ConfirmDialog
      title={`Remove the app at ${provider.name}?`}
      confirm="Remove app"
      onConfirm={remove}
      onClose={onClose}
    >
      <p>
        {form && (users ? `It is used by ${users}. ` : 'Nobody has authorized with it yet. ')}
        {runtime ? (
          <>
            What people authorized for runtime <code>{runtime.name}</code> with it stops working:
            pushes from there to {provider.name} fail
          </>
        ) : (
          <>
            What people authorized with it stops working, on every runtime that uses the default
            app: pushes from there to {provider.name} fail
          </>
        )}{' '}
        until an app is registered again and each person has authorized again.
      </p>
      <p>
        To change only its secret, replace that instead: then everything goes on working. The app
        itself stays at {provider.name}; delete it there.
      </p>
    </ConfirmDialog>
  )
}
