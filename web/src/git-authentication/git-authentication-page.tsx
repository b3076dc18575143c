import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Outlet } from '@tanstack/react-router'
import { useCallback } from 'react'
import type { Provider } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { usePagedList } from '../app/paging.ts'
import { DataList } from '../parts/data-list.tsx'
import { EmptyState } from '../parts/empty-state.tsx'
import { LinkButton } from '../parts/link-button.tsx'
import { PageHeader } from '../parts/page-header.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { appColumns } from './app-columns.tsx'
import { clientsQuery } from './clients.ts'
import { RuntimeChoices } from './runtime-choices.tsx'

const route = getRouteApi('/signed-in/admin/git-authentication')

/** The default app of each Git host, and the way to each runtime's choice. */
export function GitAuthenticationPage() {
  const { q = '' } = route.useSearch()
  const navigate = route.useNavigate()
  const list = usePagedList<Provider>(['providers', 'list'], api.listProviders, q)
  const clients = useQuery(clientsQuery)
  const search = useCallback(
    (words: string) =>
      void navigate({ to: '/admin/git-authentication', search: { q: words }, replace: true }),
    [navigate],
  )
  const none = list.items?.length === 0 && q === ''
  return (
    <>
      <PageHeader
        title="Git Authentication"
        lead="With an OAuth app, people authorize access at the Git host and paste no token. One default app serves every runtime that has none of its own."
      >
        {!none && <SearchField label="Search Git hosts" q={q} onSearch={search} />}
      </PageHeader>
      <DataList
        label="Default apps"
        list={clients.error ? { ...list, ...failed(clients) } : list}
        columns={appColumns(clients.data)}
        keyOf={({ id }) => id}
        q={q}
        onClearSearch={() => search('')}
        empty={
          <EmptyState
            title="No Git host is registered yet"
            action={<LinkButton to="/admin/providers/new">Add Git host</LinkButton>}
          >
            <p>Register the hosts that your runtimes push to; then each can have its app.</p>
          </EmptyState>
        }
      />
      <RuntimeChoices clients={clients.data} />
      <Outlet />
    </>
  )
}

function failed({ error, refetch }: { error: Error; refetch: () => unknown }) {
  return { items: undefined, error, retry: () => void refetch() }
}
