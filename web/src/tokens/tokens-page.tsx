import { getRouteApi, Outlet } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import type { Access } from '../../../src/contract/connections.ts'
import type { Revocation } from '../../../src/contract/revocations.ts'
import { api } from '../app/api.ts'
import { type PagedListOf, usePagedList } from '../app/paging.ts'
import { usePerson } from '../app/session.ts'
import { DataList } from '../parts/data-list.tsx'
import { EmptyState } from '../parts/empty-state.tsx'
import { LinkButton } from '../parts/link-button.tsx'
import { PageHeader } from '../parts/page-header.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { accessKey, accessList } from './access.ts'
import { Arrival } from './arrival.tsx'
import { Attention } from './attention.tsx'
import { tokenColumns } from './columns.tsx'
import { DeleteDialog } from './delete-dialog.tsx'
import { useInNeed } from './in-need.ts'
import { TakeOver } from './left-behind.tsx'
import { PendingRevocations } from './pending-revocations.tsx'
import classes from './tokens-page.module.css'

const route = getRouteApi('/signed-in/tokens')

const revocations: PagedListOf<Revocation> = [['access', 'revocations'], api.listRevocations]

export function TokensPage() {
  const { q = '', problem } = route.useSearch()
  const navigate = route.useNavigate()
  const list = usePagedList<Access>(...accessList, q)
  // The list waits for the banner above it: nothing moves once it is drawn.
  const inNeed = useInNeed()
  const unread = list.error !== null && list.items === undefined
  function retry() {
    list.retry()
    if (inNeed.error) inNeed.retry()
  }
  const [leaving, setLeaving] = useState<Access>()
  const search = useCallback(
    (words: string) => void navigate({ to: '/tokens', search: { q: words }, replace: true }),
    [navigate],
  )
  return (
    <>
      <PageHeader
        title="Git Personal Access Tokens"
        lead="With these, runtimes act in Git as you. A token is sealed in your browser and is never shown again."
      >
        {(q !== '' || list.items === undefined || list.items.length > 0) && (
          <SearchField label="Search runtimes and Git hosts" q={q} onSearch={search} />
        )}
      </PageHeader>
      <Arrival
        problem={problem}
        onDismiss={() => navigate({ to: '/tokens', search: { q }, replace: true })}
      />
      {!inNeed.pending && !unread && <Attention inNeed={inNeed} />}
      <DataList
        label="Git personal access tokens"
        list={{ ...list, items: inNeed.pending ? undefined : list.items, retry }}
        columns={tokenColumns(setLeaving)}
        keyOf={accessKey}
        tableFrom="75em"
        q={q}
        onClearSearch={() => search('')}
        empty={<NoRuntimes />}
      />
      {!inNeed.pending && list.items && (
        <div className={classes.revocations}>
          <PendingRevocations of={revocations} />
        </div>
      )}
      {leaving?.authorization && (
        <DeleteDialog
          access={leaving}
          authorization={leaving.authorization}
          onClose={() => setLeaving(undefined)}
        />
      )}
      <TakeOver>
        <Outlet />
      </TakeOver>
    </>
  )
}

function NoRuntimes() {
  const { role } = usePerson()
  if (role === 'admin') {
    return (
      <EmptyState
        title="No runtime is registered yet"
        action={<LinkButton to="/admin/runtimes/new">Register a runtime</LinkButton>}
      >
        <p>
          A runtime is a place where Git actions run for people: a CI runner, a workspace, a coding
          agent. Register one with the Git hosts it uses, and it waits here for your token.
        </p>
      </EmptyState>
    )
  }
  return (
    <EmptyState title="No runtime is registered yet">
      <p>
        A runtime is a place where Git actions run for people: a CI runner, a workspace, a coding
        agent. Ask an administrator of this Countersign to register one; it then waits here for your
        token.
      </p>
    </EmptyState>
  )
}
