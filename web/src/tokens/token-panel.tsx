import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState, useSyncExternalStore } from 'react'
import type { AccessDetail, AuthorizationRequest } from '../../../src/contract/connections.ts'
import { Panel, usePanel } from '../parts/panel.tsx'
import { PanelUnread } from '../parts/panel-unread.tsx'
import { useLasting } from '../parts/use-lasting.ts'
import { accessDetailQuery, actionWord, panelButtonId } from './access.ts'
import { useAuthorizationRequest } from './authorization-request.ts'
import { Finish, Returned } from './returned.tsx'
import { TokenForm } from './token-form.tsx'

const route = getRouteApi('/signed-in/tokens/$runtimeId/$providerId')

/** For so long the list alone is there for who comes back from a Git host. */
const UNSEEN_MS = 700

/** *Add Token* or *Update Token* for one runtime and Git host. */
export function TokenPanel() {
  const { runtimeId, providerId } = route.useParams()
  const { request } = route.useSearch()
  return (
    <RowPanel
      key={`${runtimeId}.${providerId}`}
      query={accessDetailQuery(runtimeId, providerId)}
      request={request}
      parent="/tokens"
      back="Back to your tokens"
      focusAfter={panelButtonId(runtimeId, providerId)}
    />
  )
}

/** The panel of a row, whosever token it is about. */
export function RowPanel({
  query,
  request: id,
  parent,
  back,
  focusAfter,
}: {
  query: ReturnType<typeof accessDetailQuery>
  /** The authorization that the browser has come back from. */
  request: string | undefined
  /** The address below the panel. */
  parent: string
  back: string
  focusAfter: string
}) {
  const panel = usePanel(parent)
  const { access, error, retry } = useOpenedAccess(query)
  const { data: request, error: requestError } = useAuthorizationRequest(id)
  const returning = id !== undefined && !requestError && !isOver(request)
  const unread = !access && error !== null
  const shown = useShown(returning && !unread ? (request?.status ?? 'exchanging') : undefined)
  return (
    <>
      {access && request && (
        <Finish access={access} request={request} onClose={shown ? panel.close : panel.leave} />
      )}
      <Panel
        panel={{ ...panel, opened: panel.opened && shown }}
        title={access ? actionWord(access) : 'Add Token'}
        startAtTitle
        focusAfter={focusAfter}
      >
        {access && !returning && (
          <TokenForm
            access={access}
            problem={request?.problem ?? undefined}
            onClose={panel.close}
          />
        )}
        {access && returning && request && (
          <Returned access={access} request={request} onClose={panel.close} />
        )}
        {(!access || (returning && !request)) && (
          <PanelUnread error={error} back={back} onBack={panel.close} onRetry={retry} />
        )}
      </Panel>
    </>
  )
}

/**
 * Whether there is anything to see: an authorization that ends well, and soon, fills the row and
 * needs no panel.
 *
 * @param status of the authorization that the person has come back from; undefined: it is over, or
 *   its row cannot be read
 */
function useShown(status: AuthorizationRequest['status'] | undefined): boolean {
  const [shown, setShown] = useState(false)
  const lasting = useLasting(status === 'exchanging' ? status : undefined, UNSEEN_MS)
  const typing = useTyping()
  const settling = status === 'completed' || (status === 'exchanging' && !lasting)
  if (status !== undefined && typing) return shown
  if (!shown && !settling) setShown(true)
  return shown
}

/** Whether the person is at a field, from where nothing that comes by itself takes them away. */
function useTyping(): boolean {
  return useSyncExternalStore(onFocus, () => document.activeElement instanceof HTMLInputElement)
}

function onFocus(onChange: () => void): () => void {
  document.addEventListener('focusin', onChange)
  document.addEventListener('focusout', onChange)
  return () => {
    document.removeEventListener('focusin', onChange)
    document.removeEventListener('focusout', onChange)
  }
}

/** Whether nothing more comes of a request, so that the panel is as without it. */
function isOver(request: AuthorizationRequest | undefined): boolean {
  return request?.status === 'refused' || request?.status === 'pending'
}

/**
 * The row as it was when the panel opened, so that nothing moves under the person's hands while the
 * row changes; what sealing needs is always the newest.
 */
function useOpenedAccess(query: ReturnType<typeof accessDetailQuery>) {
  const { data, error, refetch } = useQuery(query)
  const [opened, setOpened] = useState<AccessDetail>()
  if (data && !opened) setOpened(data)
  const access = data && {
    ...data,
    authorization: opened?.authorization ?? null,
    reusable_connections: opened?.reusable_connections ?? [],
  }
  return { access: opened && access, error, retry: () => void refetch() }
}
