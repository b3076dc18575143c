import type { ReactNode } from 'react'

/** One property of the things in a list: a column of the table, a line of the card. */
export interface Column<Item> {
  header: string
  /** Null: there is nothing to show; a card then leaves the line out. */
  cell: (item: Item) => ReactNode
  /** CSS width of the column; the others share what is left. */
  width?: string
  /** `title` heads the row and the card, `actions` ends both; `corner` is for a small one. */
  place?: 'title' | 'actions' | 'corner'
}

/** What a table and a list of cards are given alike. */
export interface DataShapeProps<Item> {
  label: string
  /** Undefined while they are on their way. */
  items: Item[] | undefined
  columns: Column<Item>[]
  keyOf: (item: Item) => string
}
