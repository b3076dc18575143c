import { queryOptions } from '@tanstack/react-query'
import type { Result } from '../../../src/contract/client.ts'
import type { OAuthClient } from '../../../src/contract/connections.ts'
import { api } from '../app/api.ts'
import { readWhole } from '../app/paging.ts'
import type { OpenPanel } from '../parts/panel.tsx'
import { count } from '../runtimes/runtimes.ts'

/** Where an app belongs: the default of a Git host, or one runtime's own. */
export interface AppPlace {
  provider_id: string
  runtime_id?: string
}

export type ClientForm = Result<'getClientForm'>

/** What the panel of an app works with. */
export interface AppFormProps {
  form: ClientForm
  place: AppPlace
  /** Name of the Git host. */
  provider: string
  /** Name of the runtime whose own app it is. */
  runtime: string | undefined
  panel: OpenPanel
}

/** "3 people on 2 runtimes"; undefined where nobody uses the app. */
export function usersInWords({ people, runtimes }: ClientForm['used_by']): string | undefined {
  const where = count(runtimes, 'runtime')
  if (people === 0) return runtimes === 0 ? undefined : where
  return `${people === 1 ? '1 person' : `${people.toLocaleString('en')} people`} on ${where}`
}

/** All registered apps: one for each Git host, and a few runtimes' own. */
export const clientsQuery = queryOptions({
  queryKey: ['clients', 'all'],
  queryFn: ({ signal }) => readWhole<OAuthClient>(api.listClients, { signal }),
})

/** What is needed to register an app in this place, or to replace the one there. */
export function clientFormQuery(place: AppPlace) {
  return queryOptions({
    queryKey: ['clients', 'form', place.provider_id, place.runtime_id ?? ''],
    queryFn: ({ signal }) => api.getClientForm({ query: place }, { signal }),
    // Who uses the app changes without a word to administrators.
    staleTime: 0,
  })
}
