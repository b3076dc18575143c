import { Button } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import type { ReactNode } from 'react'
import type { PagedList } from '../app/paging.ts'
import { sentenceFor } from '../app/problem.ts'
import type { Column } from './column.ts'
import { DataCards } from './data-cards.tsx'
import { DataTable } from './data-table.tsx'
import { EmptyState } from './empty-state.tsx'
import { Message } from './message.tsx'
import { ShowMore } from './show-more.tsx'

export interface DataListProps<Item> {
  /** What the list holds, for screen readers. */
  label: string
  list: PagedList<Item>
  columns: Column<Item>[]
  keyOf: (item: Item) => string
  /** From which width of the window on its columns fit side by side. */
  tableFrom?: string
  /** Shown when there is nothing at all. */
  empty: ReactNode
  /** The words that were searched for, and how to stop searching. */
  q?: string | undefined
  onClearSearch?: () => void
}

/** A list in all its states: on its way, failed, empty, nothing found, and here. */
export function DataList<Item>(props: DataListProps<Item>) {
  const { list, q } = props
  if (list.error && !list.items) {
    return (
      <Message
        tone="bad"
        urgent
        title="This list could not be read."
        action={<Button onClick={list.retry}>Try again</Button>}
      >
        <p>{sentenceFor(list.error)}</p>
      </Message>
    )
  }
  if (list.items?.length === 0 && q) {
    return (
      <EmptyState
        title={`Nothing matches “${q}”.`}
        action={
          <Button variant="default" onClick={props.onClearSearch}>
            Clear search
          </Button>
        }
      />
    )
  }
  if (list.items?.length === 0) return props.empty
  return <Items {...props} />
}

function Items<Item>({ label, list, columns, keyOf, tableFrom = '62em' }: DataListProps<Item>) {
  const wide = useMediaQuery(`(min-width: ${tableFrom})`, undefined, {
    getInitialValueInEffect: false,
  })
  const Shape = wide ? DataTable : DataCards
  return (
    <>
      <Shape label={label} items={list.items} columns={columns} keyOf={keyOf} />
      <ShowMore list={list} />
    </>
  )
}
