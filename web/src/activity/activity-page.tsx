import { IconBan, IconCheck } from '@tabler/icons-react'
import { getRouteApi } from '@tanstack/react-router'
import { useCallback } from 'react'
import type { AuditEntry } from '../../../src/contract/resources.ts'
import { api } from '../app/api.ts'
import { usePagedList } from '../app/paging.ts'
import type { Column } from '../parts/column.ts'
import { DataList } from '../parts/data-list.tsx'
import { EmptyState } from '../parts/empty-state.tsx'
import { PageHeader } from '../parts/page-header.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { Time } from '../parts/time.tsx'
import { TwoLines } from '../parts/two-lines.tsx'
import { actionInWords, reasonInWords } from './actions.ts'
import classes from './activity-page.module.css'
import { useKeptCurrent } from './keep-current.ts'

const route = getRouteApi('/signed-in/admin/activity')

const columns: Column<AuditEntry>[] = [
  {
    header: 'What',
    place: 'title',
    width: '38%',
    cell: ({ action, subject }) => <TwoLines first={actionInWords(action)} second={subject} />,
  },
  {
    header: 'Who',
    cell: ({ actor }) => <Who actor={actor} />,
  },
  { header: 'When', width: '10rem', cell: ({ at }) => <Time at={at} /> },
  {
    header: 'From',
    width: '9.5rem',
    cell: ({ ip }) => (ip ? <code>{ip}</code> : <span className={classes.quiet}>Inside</span>),
  },
  {
    header: 'Outcome',
    width: '14rem',
    cell: ({ outcome, reason }) => <Outcome outcome={outcome} reason={reason} />,
  },
]

export function ActivityPage() {
  const { q = '' } = route.useSearch()
  const navigate = route.useNavigate()
  const list = usePagedList<AuditEntry>(['audit'], api.listAudit, q)
  useKeptCurrent('audit')
  const search = useCallback(
    (words: string) =>
      void navigate({ to: '/admin/activity', search: { q: words }, replace: true }),
    [navigate],
  )
  return (
    <>
      <PageHeader title="Activity" lead="Who did what, newest first. Nobody can change this list.">
        <SearchField label="Search activity" q={q} onSearch={search} />
      </PageHeader>
      <DataList
        label="Activity"
        list={list}
        columns={columns}
        keyOf={({ id }) => id}
        q={q}
        onClearSearch={() => search('')}
        empty={
          <EmptyState title="Nothing happened yet">
            <p>Sign-ins, changes and every credential that a runtime gets are listed here.</p>
          </EmptyState>
        }
      />
    </>
  )
}

/** A person has an address, and only runtimes need it said what they are. */
function Who({ actor: { kind, name } }: Pick<AuditEntry, 'actor'>) {
  if (kind === 'runtime') return <TwoLines first={name} second="Runtime" />
  return <TwoLines first={kind === 'person' ? name : ours[kind]} />
}

const ours = { vault: 'Vault', setup: 'Set-up' }

function Outcome({ outcome, reason }: Pick<AuditEntry, 'outcome' | 'reason'>) {
  const allowed = outcome === 'allowed'
  const Icon = allowed ? IconCheck : IconBan
  return (
    <TwoLines
      icon={<Icon className={allowed ? classes.allowed : classes.denied} size={16} aria-hidden />}
      first={<span className={classes.word}>{allowed ? 'Allowed' : 'Denied'}</span>}
      second={reason === null ? undefined : reasonInWords(reason)}
    />
  )
}
