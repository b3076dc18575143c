import { ActionIcon, NativeSelect, Tooltip } from '@mantine/core'
import { IconTrash } from '@tabler/icons-react'
import { getRouteApi, Outlet } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import type { Person, Role } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { usePagedList } from '../app/paging.ts'
import { usePerson } from '../app/session.ts'
import { Avatar } from '../parts/avatar.tsx'
import type { Column } from '../parts/column.ts'
import { DataList } from '../parts/data-list.tsx'
import { LinkButton } from '../parts/link-button.tsx'
import { PageHeader } from '../parts/page-header.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { Time } from '../parts/time.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import { ChangeRole, type RoleChange, roleId } from './change-role.tsx'
import { PendingInvites } from './pending-invites.tsx'
import { RemovePerson } from './remove-person.tsx'

const route = getRouteApi('/signed-in/admin/people')

export function PeoplePage() {
  const { q = '' } = route.useSearch()
  const navigate = route.useNavigate()
  const list = usePagedList<Person>(['people', 'list'], api.listPeople, q)
  const [removing, setRemoving] = useState<Person>()
  const [changing, setChanging] = useState<RoleChange>()
  const search = useCallback(
    (words: string) => void navigate({ to: '/admin/people', search: { q: words }, replace: true }),
    [navigate],
  )
  return (
    <>
      <PageHeader
        title="People"
        lead="Everybody here can give runtimes access to Git in their name."
      >
        <SearchField label="Search people" q={q} onSearch={search} />
        <LinkButton id="invite-person" to="/admin/people/invite" search={true}>
          Invite
        </LinkButton>
      </PageHeader>
      <PendingInvites />
      <DataList
        label="People"
        list={list}
        columns={columns(setRemoving, setChanging)}
        keyOf={({ id }) => id}
        q={q}
        onClearSearch={() => search('')}
        empty={null}
      />
      {removing && <RemovePerson person={removing} onClose={() => setRemoving(undefined)} />}
      {changing && <ChangeRole {...changing} onClose={() => setChanging(undefined)} />}
      <Outlet />
    </>
  )
}

function columns(
  onRemove: (person: Person) => void,
  onChangeRole: (change: RoleChange) => void,
): Column<Person>[] {
  return [
    {
      header: 'Person',
      place: 'title',
      width: '45%',
      cell: (person) => <PersonCell person={person} />,
    },
    {
      header: 'Role',
      width: '12rem',
      cell: (person) => (
        <RoleChoice person={person} onChange={(role) => onChangeRole({ person, role })} />
      ),
    },
    { header: 'Joined', cell: ({ created_at }) => <Time at={created_at} /> },
    {
      header: 'Actions',
      place: 'corner',
      width: '6rem',
      cell: (person) => (
        <Tooltip label="Remove">
          <ActionIcon
            variant="subtle"
            color="gray"
            size={30}
            aria-label={`Remove ${person.name}`}
            onClick={() => onRemove(person)}
          >
            <IconTrash size={17} aria-hidden />
          </ActionIcon>
        </Tooltip>
      ),
    },
  ]
}

function PersonCell({ person }: { person: Person }) {
  const me = usePerson()
  return (
    <TwoLines
      icon={<Avatar name={person.name} size={32} />}
      first={person.id === me.id ? `${person.name} (you)` : person.name}
      second={person.email}
    />
  )
}

function RoleChoice({ person, onChange }: { person: Person; onChange: (role: Role) => void }) {
  return (
    <NativeSelect
      size="xs"
      id={roleId(person.id)}
      aria-label={`Role of ${person.name}`}
      data={[
        { value: 'member', label: 'Member' },
        { value: 'admin', label: 'Administrator' },
      ]}
      value={person.role}
      onChange={(event) => onChange(event.currentTarget.value === 'admin' ? 'admin' : 'member')}
    />
  )
}
