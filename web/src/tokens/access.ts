import { type QueryClient, queryOptions } from '@tanstack/react-query'
import {
  type Access,
  type AccessDetail,
  type Connection,
  type ConnectionStatus,
  isUsable,
} from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { byName } from '../app/names.ts'

/** The person's rows, as a list that is read page by page. */
export const accessList = [['access', 'list'], api.listAccess] as const

/** One row with all that is needed to add or replace its token. */
export function accessDetailQuery(runtime_id: string, provider_id: string) {
  return queryOptions({
    queryKey: ['access', 'detail', runtime_id, provider_id] as readonly string[],
    queryFn: ({ signal }) => api.getAccess({ params: { runtime_id, provider_id } }, { signal }),
  })
}

/** Resolves once every list and panel shows the change. */
export async function refreshAccess(queryClient: QueryClient): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: ['access'] })
}

export function accessKey({ runtime, provider }: Access): string {
  return `${runtime.id}.${provider.id}`
}

/** Id of the button that opens a row's panel: the focus comes back to it. */
export function panelButtonId(runtime_id: string, provider_id: string): string {
  return `token-${runtime_id}-${provider_id}`
}

/** Id of the button that hides what the banner says of a row. */
export function hideButtonId({ runtime, provider }: Access): string {
  return `hide-${runtime.id}-${provider.id}`
}

const troubled = new Set<ConnectionStatus>([
  'expired',
  'rejected',
  'insufficient_scopes',
  'reauthorization_required',
  'expiring',
])

/** Whether a token that is there fails, or will soon. */
export function isTroubled({ authorization }: Access): boolean {
  return authorization !== null && troubled.has(authorization.connection.status)
}

/** What to press to put a row right, or to change what it has. */
export function actionWord({ authorization }: Access): string {
  if (!authorization) return 'Add Token'
  const { status, method } = authorization.connection
  const again =
    status === 'reauthorization_required' || (method === 'oauth' && troubled.has(status))
  return again ? 'Authorize again' : 'Update Token'
}

/** Tokens this person already has that the runtime may be given, those from OAuth2 first. */
export function reusableHere(access: AccessDetail): Connection[] {
  const { reusable_connections, oauth, token_allowed } = access
  const byMethod = (wanted: Connection['method'], allowed: boolean) =>
    allowed ? reusable_connections.filter(({ method }) => method === wanted) : []
  return [...byMethod('oauth', oauth !== 'not_offered'), ...byMethod('token', token_allowed)]
}

/** Whether a row has this token, and only wants another word for it. */
export function isOwn({ authorization }: Access, { id }: Connection): boolean {
  return authorization?.connection.id === id
}

/** What to press to let a runtime use a token that is there. */
export function reuseWord(access: Access, connection: Connection): string {
  if (connection.method === 'token') return 'Use this token'
  return isOwn(access, connection) ? 'Authorize this runtime again' : 'Authorize this runtime too'
}

/** Whether a token that is there needs its owner, who has not hidden the notice of it. */
export function needsCare({ authorization }: Access): boolean {
  const notice = authorization?.notice
  return notice !== null && notice !== undefined && !notice.hidden
}

/** Whether a row has a token that Git can still use. */
export function hasWorking({ authorization }: Access): boolean {
  return isUsable(authorization?.connection.status)
}

const listFormat = new Intl.ListFormat('en', { type: 'conjunction' })

/** "ci, local and web". */
export function nameList(items: readonly { name: string }[]): string {
  const names = items.map((item) => item.name)
  return listFormat.format(byName(names, (name) => name))
}
