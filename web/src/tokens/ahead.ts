import type { QueryClient } from '@tanstack/react-query'
import { pagedListQuery } from '../app/paging.ts'
import { sessionQuery } from '../app/session.ts'
import { accessDetailQuery, accessList } from './access.ts'
import { authorizationRequestQuery } from './authorization-request.ts'
import { rowsInNeedQuery, runtimesInNeedQuery } from './in-need.ts'
import { TokenPanel } from './token-panel-on-top.tsx'

/** For so long nothing is drawn: most answers are there by then, and no place is kept for them. */
const SOON_MS = 100

/**
 * Asks for what the list of tokens shows while the page around it is being drawn.
 *
 * @returns resolves when it is there, or will not be soon
 */
export async function readTokensAhead(
  queryClient: QueryClient,
  q: string | undefined,
): Promise<void> {
  const isAdmin = queryClient.getQueryData(sessionQuery.queryKey)?.person?.role === 'admin'
  const read = Promise.all([
    queryClient.prefetchInfiniteQuery(pagedListQuery(...accessList, q)),
    queryClient.prefetchQuery(rowsInNeedQuery),
    isAdmin && queryClient.prefetchQuery(runtimesInNeedQuery),
  ])
  await Promise.race([read, new Promise((soon) => setTimeout(soon, SOON_MS))])
}

/**
 * The same for the panel of one row. For who comes back from a Git host it mostly stays shut, so that
 * it is not read before the list is drawn.
 */
export function readPanelAhead(
  queryClient: QueryClient,
  { runtimeId, providerId }: { runtimeId: string; providerId: string },
  request: string | undefined,
): void {
  if (request !== undefined) {
    void queryClient.prefetchQuery(authorizationRequestQuery(request))
    return
  }
  void TokenPanel.preload?.()
  void queryClient.prefetchQuery(accessDetailQuery(runtimeId, providerId))
}
