import {
  hashKey,
  infiniteQueryOptions,
  keepPreviousData,
  type UseQueryResult,
  useInfiniteQuery,
} from '@tanstack/react-query'
import { useState } from 'react'

interface Page<Item> {
  items: Item[]
  next_cursor: string | null
}

interface PageRequest {
  query: { cursor?: string; limit?: number; q?: string }
}

type ReadPage<Item> = (input: PageRequest, options: { signal: AbortSignal }) => Promise<Page<Item>>

/** As many as the server gives at once. */
export const MOST = 100

/** All items of a list, of which there are few enough to show them together. */
export async function readWhole<Item>(
  readPage: ReadPage<Item>,
  options: { signal: AbortSignal },
): Promise<Item[]> {
  const items: Item[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const query = { limit: MOST, ...(cursor && { cursor }) }
    const page: Page<Item> = await readPage({ query }, options)
    items.push(...page.items)
    cursor = page.next_cursor
  }
  return items
}

/** What a list on a page shows: its items so far, and how to get more. */
export interface PagedList<Item> {
  /** Undefined while the first page is on its way. */
  items: Item[] | undefined
  error: Error | null
  retry: () => void
  /** Undefined on the last page. */
  showMore: (() => void) | undefined
  loadingMore: boolean
  /** Why the next page did not come; asking for it again may help. */
  moreError: Error | null
}

/** A list that is read whole. */
export function wholeList<Item>(
  query: Pick<UseQueryResult<Item[]>, 'data' | 'error' | 'refetch'>,
): PagedList<Item> {
  return {
    items: query.data,
    error: query.error,
    retry: () => void query.refetch(),
    showMore: undefined,
    loadingMore: false,
    moreError: null,
  }
}

/**
 * What reads a list page by page.
 *
 * @param key first part of the query key: what an event invalidates
 * @param q only what contains these words
 */
export function pagedListQuery<Item>(
  key: readonly [string, ...string[]],
  readPage: ReadPage<Item>,
  q = '',
) {
  return infiniteQueryOptions({
    queryKey: [...key, { q }],
    queryFn: ({ pageParam, signal }) =>
      readPage({ query: { ...(pageParam && { cursor: pageParam }), ...(q && { q }) } }, { signal }),
    initialPageParam: '',
    getNextPageParam: (page: Page<Item>) => page.next_cursor,
  })
}

/** Where a list is read: the parameters of `pagedListQuery`. */
export type PagedListOf<Item> = Parameters<typeof pagedListQuery<Item>>

/** A list that is read page by page. */
export function usePagedList<Item>(...list: PagedListOf<Item>): PagedList<Item> {
  const options = pagedListQuery(...list)
  const query = useInfiniteQuery({ ...options, placeholderData: keepPreviousData })
  const hash = hashKey(options.queryKey)
  // It stays until more is asked for again, also where the list is read again meanwhile.
  const [failed, setFailed] = useState<{ hash: string; error: Error | null }>()
  async function showMore(): Promise<void> {
    setFailed(undefined)
    const { isFetchNextPageError, error } = await query.fetchNextPage()
    if (isFetchNextPageError) setFailed({ hash, error })
  }
  return {
    items: query.data?.pages.flatMap((page) => page.items),
    error: query.isError && !query.isFetchNextPageError ? query.error : null,
    retry: () => void query.refetch(),
    showMore: query.hasNextPage ? () => void showMore() : undefined,
    loadingMore: query.isFetchingNextPage,
    moreError: failed?.hash === hash ? failed.error : null,
  }
}
