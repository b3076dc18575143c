import { queryOptions, useQuery } from '@tanstack/react-query'
import { api } from '../app/api.ts'
import { MOST } from '../app/paging.ts'
import { usePerson } from '../app/session.ts'
import { needsCare } from './access.ts'

/** All rows of the person whose token needs them, whatever the list shows. */
export const rowsInNeedQuery = queryOptions({
  queryKey: ['access', 'in-need'],
  queryFn: ({ signal }) => api.listAccess({ query: { in_need: true, limit: MOST } }, { signal }),
})

/** Runtimes with a token of their own, or an app, that needs an administrator. */
export const runtimesInNeedQuery = queryOptions({
  queryKey: ['runtimes', 'in-need'],
  queryFn: ({ signal }) => api.listRuntimes({ query: { in_need: true } }, { signal }),
})

/** What the banner above the list of tokens is about. `pending` until it is known. */
export function useInNeed() {
  const { role } = usePerson()
  const rows = useQuery(rowsInNeedQuery)
  const runtimes = useQuery({ ...runtimesInNeedQuery, enabled: role === 'admin' })
  return {
    pending: rows.isPending || runtimes.isLoading,
    error: rows.error ?? runtimes.error,
    retry: () => {
      if (rows.error) void rows.refetch()
      if (runtimes.error) void runtimes.refetch()
    },
    rows: rows.data?.items.filter(needsCare) ?? [],
    /** There are more than could be read at once. */
    more: Boolean(rows.data?.next_cursor),
    runtimes: runtimes.data ?? { items: [], next_cursor: null },
  }
}

export type InNeed = ReturnType<typeof useInNeed>
