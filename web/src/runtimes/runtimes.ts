import { queryOptions } from '@tanstack/react-query'
import type { Provider } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { byName } from '../app/names.ts'
import { readWhole } from '../app/paging.ts'

export function runtimeQuery(id: string) {
  return queryOptions({
    queryKey: ['runtimes', 'detail', id],
    queryFn: ({ signal }) => api.getRuntime({ params: { id } }, { signal }),
  })
}

export function providerQuery(id: string) {
  return queryOptions({
    queryKey: ['providers', 'detail', id],
    queryFn: ({ signal }) => api.getProvider({ params: { id } }, { signal }),
  })
}

/** All Git hosts, to choose from. */
export const providerChoiceQuery = queryOptions({
  queryKey: ['providers', 'choice'],
  queryFn: async ({ signal }) =>
    byName(await readWhole<Provider>(api.listProviders, { signal }), ({ name }) => name),
})

/** "1 authorization", "4 authorizations". */
export function count(n: number, noun: string): string {
  return `${new Intl.NumberFormat('en').format(n)} ${noun}${n === 1 ? '' : 's'}`
}
