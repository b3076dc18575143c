import type { QueryClient } from '@tanstack/react-query'
import { pagedListQuery } from '../app/paging.ts'
import { sessionQuery } from '../app/session.ts'
import { accessDetailQuery, accessList } from './access.ts'
import { authorizationRequestQuery } from './authorization-request.ts'
import { rowsInNeedQuery, runtimesInNeedQuery } from './in-need.ts'

/** Asks for what the list of tokens shows while the page around it is being drawn. */
export function readTokensAhead(queryClient: QueryClient, q: string | undefined): void {
  void queryClient.prefetchInfiniteQuery(pagedListQuery(...accessList, q))
  void queryClient.prefetchQuery(rowsInNeedQuery)
  const isAdmin = queryClient.getQueryData(sessionQuery.queryKey)?.person?.role === 'admin'
  if (isAdmin) void queryClient.prefetchQuery(runtimesInNeedQuery)
}

/** The same for the panel of one row, and the authorization that the person has come back from. */
export function readPanelAhead(
  queryClient: QueryClient,
  { runtimeId, providerId }: { runtimeId: string; providerId: string },
  request: string | undefined,
): void {
  void queryClient.prefetchQuery(accessDetailQuery(runtimeId, providerId))
  if (request !== undefined) void queryClient.prefetchQuery(authorizationRequestQuery(request))
}
