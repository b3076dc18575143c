import { ActionIcon, Group, Tooltip } from '@mantine/core'
import { IconPencil, IconTrash } from '@tabler/icons-react'
import { getRouteApi, Link, Outlet } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import type { Provider } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { usePagedList } from '../app/paging.ts'
import type { Column } from '../parts/column.ts'
import { DataList } from '../parts/data-list.tsx'
import { EmptyState } from '../parts/empty-state.tsx'
import { LinkButton } from '../parts/link-button.tsx'
import { PageHeader } from '../parts/page-header.tsx'
import { Scopes } from '../parts/scopes.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import { shortAddress } from './address.ts'
import { editButtonId } from './ids.ts'
import { kinds } from './kinds.ts'
import { RemoveProvider } from './remove-provider.tsx'

const route = getRouteApi('/signed-in/admin/providers')

export function ProvidersPage() {
  const { q = '' } = route.useSearch()
  const navigate = route.useNavigate()
  const list = usePagedList<Provider>(['providers', 'list'], api.listProviders, q)
  const [removing, setRemoving] = useState<Provider>()
  const search = useCallback(
    (words: string) =>
      void navigate({ to: '/admin/providers', search: { q: words }, replace: true }),
    [navigate],
  )
  const add = (
    <LinkButton id="add-provider" to="/admin/providers/new" search={true}>
      Add Git host
    </LinkButton>
  )
  const none = list.items?.length === 0 && q === ''
  return (
    <>
      <PageHeader
        title="Git hosts"
        lead="Where the repositories are. Tokens go to these hosts only."
      >
        {!none && <SearchField label="Search Git hosts" q={q} onSearch={search} />}
        {!none && add}
      </PageHeader>
      <DataList
        label="Git hosts"
        list={list}
        columns={columns(setRemoving)}
        keyOf={({ id }) => id}
        q={q}
        onClearSearch={() => search('')}
        empty={
          <EmptyState title="No Git host is registered yet" action={add}>
            <p>Register the hosts that your runtimes push to. People then add their tokens.</p>
          </EmptyState>
        }
      />
      {removing && <RemoveProvider provider={removing} onClose={() => setRemoving(undefined)} />}
      <Outlet />
    </>
  )
}

function columns(onRemove: (provider: Provider) => void): Column<Provider>[] {
  return [
    {
      header: 'Git host',
      place: 'title',
      width: '28%',
      cell: ({ name, base_url }) => <TwoLines first={name} second={shortAddress(base_url)} />,
    },
    { header: 'Kind', cell: ({ kind }) => kinds[kind] },
    {
      header: 'Network',
      cell: ({ private_address_confirmed }) =>
        private_address_confirmed ? 'Private, confirmed' : 'Public',
    },
    {
      header: 'Scopes a token needs',
      width: '24%',
      cell: ({ required_scopes }) => <Scopes scopes={required_scopes.map(({ scope }) => scope)} />,
    },
    { header: 'Runtimes', width: '7rem', cell: ({ runtimes }) => runtimes.toLocaleString('en') },
    {
      header: 'Actions',
      place: 'corner',
      width: '6rem',
      cell: (provider) => (
        <Group gap={2} wrap="nowrap">
          <Tooltip label="Edit">
            <ActionIcon
              variant="subtle"
              color="gray"
              size={30}
              id={editButtonId(provider.id)}
              aria-label={`Edit ${provider.name}`}
              renderRoot={(props) => (
                <Link
                  {...props}
                  to="/admin/providers/$providerId/edit"
                  params={{ providerId: provider.id }}
                  search={true}
                />
              )}
            >
              <IconPencil size={17} aria-hidden />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Remove">
            <ActionIcon
              variant="subtle"
              color="gray"
              size={30}
              aria-label={`Remove ${provider.name}`}
              onClick={() => onRemove(provider)}
            >
              <IconTrash size={17} aria-hidden />
            </ActionIcon>
          </Tooltip>
        </Group>
      ),
    },
  ]
}
