import { Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { OAuthClient } from '../../../src/contract/connections.ts'
import type { Runtime } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { namesInOrder } from '../app/names.ts'
import { usePagedList } from '../app/paging.ts'
import type { Column } from '../parts/column.ts'
import { DataList } from '../parts/data-list.tsx'
import { LinkButton } from '../parts/link-button.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import classes from './runtime-choices.module.css'

/** Runtimes, each with the way to how people authorize it. */
export function RuntimeChoices({ clients }: { clients: OAuthClient[] | undefined }) {
  const list = usePagedList<Runtime>(['runtimes', 'list'], api.listRuntimes)
  const columns = useMemo(() => columnsFor(clients ?? []), [clients])
  if (list.items?.length === 0) return null
  return (
    <section id="runtimes" className={classes.section} aria-labelledby="runtimes-title">
      <h2 id="runtimes-title" className={classes.title}>
        How people authorize each runtime
      </h2>
      <p className={classes.lead}>
        With the default app, an app of the runtime's own, or personal access tokens: chosen for
        each runtime and Git host.
      </p>
      <DataList
        label="Runtimes"
        list={list}
        columns={columns}
        keyOf={({ id }) => id}
        empty={null}
      />
    </section>
  )
}

function columnsFor(clients: OAuthClient[]): Column<Runtime>[] {
  return [
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
      cell: ({ providers }) => namesInOrder(providers.map(({ name }) => name)) || 'None',
    },
    {
      header: 'Its own apps',
      cell: (runtime) => ownApps(clients, runtime) || null,
    },
    {
      header: 'Actions',
      place: 'actions',
      width: '9rem',
      cell: ({ id, name }) => (
        <LinkButton
          size="xs"
          variant="default"
          to="/admin/runtimes/$runtimeId"
          params={{ runtimeId: id }}
          hash="git-authentication"
          aria-label={`Choose how people authorize ${name}`}
        >
          Choose
        </LinkButton>
      ),
    },
  ]
}

function ownApps(clients: OAuthClient[], { id }: Runtime): string {
  const own = clients.filter(({ runtime }) => runtime?.id === id)
  return namesInOrder(own.map(({ provider }) => provider.name))
}
