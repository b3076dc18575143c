import { getRouteApi, Link, Outlet } from '@tanstack/react-router'
import { useCallback } from 'react'
import type { Runtime } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { namesInOrder } from '../app/names.ts'
import { usePagedList } from '../app/paging.ts'
import type { Column } from '../parts/column.ts'
import { DataList } from '../parts/data-list.tsx'
import { EmptyState } from '../parts/empty-state.tsx'
import { LinkButton } from '../parts/link-button.tsx'
import { PageHeader } from '../parts/page-header.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import { AgentSeen } from './agent-seen.tsx'
import { InNeed } from './in-need.tsx'
import { count } from './runtimes.ts'

const route = getRouteApi('/signed-in/admin/runtimes')

const columns: Column<Runtime>[] = [
  {
    header: 'Runtime',
    place: 'title',
    width: '30%',
    cell: ({ id, name, description }) => (
      <TwoLines
        first={
          <Link to="/admin/runtimes/$runtimeId" params={{ runtimeId: id }}>
            {name}
          </Link>
        }
        second={description}
        brief
      />
    ),
  },
  {
    header: 'Git hosts',
    cell: ({ providers, apps_in_need }) => (
      <>
        {namesInOrder(providers.map(({ name }) => name)) || 'None'}
        {apps_in_need.length > 0 && (
          <p>
            <InNeed>
              <Link to="/admin/git-authentication">App not accepted</Link> at{' '}
              {namesInOrder(apps_in_need)}
            </InNeed>
          </p>
        )}
      </>
    ),
  },
  { header: 'Agent', cell: ({ agent }) => <AgentSeen agent={agent} /> },
  {
    header: 'Own tokens',
    cell: ({ tokens_in_need }) =>
      tokens_in_need.length > 0 ? <InNeed>Update at {namesInOrder(tokens_in_need)}</InNeed> : null,
  },
  {
    header: 'Authorizations',
    width: '8.5rem',
    cell: ({ authorizations }) => authorizations.toLocaleString('en'),
  },
  { header: 'Keys', width: '11rem', cell: ({ keys }) => keysInWords(keys) },
]

function keysInWords(keys: Runtime['keys']): string {
  const ending = keys.some((key) => key.expires_at !== null)
  return ending ? `${count(keys.length, 'key')}, rotating` : count(keys.length, 'key')
}

export function RuntimesPage() {
  const { q = '' } = route.useSearch()
  const navigate = route.useNavigate()
  const list = usePagedList<Runtime>(['runtimes', 'list'], api.listRuntimes, q)
  const search = useCallback(
    (words: string) =>
      void navigate({ to: '/admin/runtimes', search: { q: words }, replace: true }),
    [navigate],
  )
  const register = (
    <LinkButton id="register-runtime" to="/admin/runtimes/new" search={true}>
      Register runtime
    </LinkButton>
  )
  const none = list.items?.length === 0 && q === ''
  return (
    <>
      <PageHeader title="Runtimes" lead="Places where Git actions run for people.">
        {!none && <SearchField label="Search runtimes" q={q} onSearch={search} />}
        {!none && register}
      </PageHeader>
      <DataList
        label="Runtimes"
        list={list}
        columns={columns}
        keyOf={({ id }) => id}
        q={q}
        onClearSearch={() => search('')}
        empty={
          <EmptyState title="No runtime is registered yet" action={register}>
            <p>
              Register each CI runner, workspace or agent host where Git should act as the person
              who asked. It gets a key, and people authorize it one by one.
            </p>
          </EmptyState>
        }
      />
      <Outlet />
    </>
  )
}
