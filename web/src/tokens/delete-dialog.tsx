import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { Access, AccessDetail, Authorization } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { ConfirmDialog } from '../parts/confirm-dialog.tsx'
import { notify } from '../parts/notify.tsx'
import { OutsideLink } from '../parts/outside-link.tsx'
import { accessDetailQuery, nameList, panelButtonId, refreshAccess } from './access.ts'

/** Asks before a runtime loses its word. */
export function DeleteDialog({
  access: { runtime, provider },
  authorization: { id, connection },
  onClose,
}: {
  access: Access
  authorization: Authorization
  onClose: () => void
}) {
  const queryClient = useQueryClient()
  const detail = useQuery(accessDetailQuery(runtime.id, provider.id))
  const byOAuth = connection.method === 'oauth'
  const others = connection.runtimes.filter((other) => other.id !== runtime.id)

  async function remove() {
    await api.deleteAuthorization({ params: { id } })
    await refreshAccess(queryClient)
    notify('good', 'Deleted', `${runtime.name} can no longer act at ${provider.name} as you.`)
  }

  return (
    <ConfirmDialog
      title={`Delete the ${byOAuth ? 'authorization' : 'token'} of ${runtime.name}?`}
      confirm="Delete"
      onConfirm={remove}
      onClose={onClose}
      focusAfter={panelButtonId(runtime.id, provider.id)}
    >
      <p>
        Pushes from runtime <code>{runtime.name}</code> to {provider.name} as you (
        {connection.account.login}) will fail, and so will its clones and fetches of what is not
        public.
      </p>
      {others.length > 0 && (
        <p>
          The {byOAuth ? 'authorization itself' : 'token'} stays here: {nameList(others)} still use
          {others.length === 1 ? 's' : ''} it.
        </p>
      )}
      {others.length === 0 && (
        <LastOne provider={provider} byOAuth={byOAuth} revocation={detail.data?.revocation} />
      )}
    </ConfirmDialog>
  )
}

/** What becomes of a token or grant that no other runtime uses, or that is a runtime's own. */
export function LastOne({
  provider,
  byOAuth,
  own = false,
  revocation,
}: {
  provider: Access['provider']
  byOAuth: boolean
  own?: boolean
  revocation: AccessDetail['revocation'] | undefined
}) {
  const word = byOAuth ? 'authorization' : 'token'
  const it = own ? `The ${word} is` : `No other runtime uses this ${word}, so it is`
  if (byOAuth && revocation?.grants_revoked !== false) {
    return (
      <p>
        {it} destroyed here and revoked at {provider.name}. If {provider.name} is away, that is
        tried again for a month, and shown under the list until it is done.
      </p>
    )
  }
  const page = byOAuth ? revocation?.grant_page : revocation?.token_page
  return (
    <p>
      {it} destroyed here. At {provider.name} it {byOAuth ? 'stays' : 'works'} until you revoke it:{' '}
      <OutsideLink href={page ?? provider.base_url}>revoke it at {provider.name}</OutsideLink>.
    </p>
  )
}
