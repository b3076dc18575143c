import type { ReactNode } from 'react'
import type { Column, DataShapeProps } from './column.ts'
import classes from './data-cards.module.css'
import { SkeletonLine } from './skeleton-line.tsx'

export function DataCards<Item>({ label, items, columns, keyOf }: DataShapeProps<Item>) {
  return (
    <ul className={classes.cards} aria-label={label} aria-busy={items === undefined}>
      {items?.map((item) => (
        <li key={keyOf(item)} className={classes.card}>
          <Card item={item} columns={columns} />
        </li>
      )) ??
        ['a', 'b', 'c'].map((card) => (
          <li key={card} className={classes.card}>
            <SkeletonLine lines={5} />
          </li>
        ))}
    </ul>
  )
}

function Card<Item>({ item, columns }: { item: Item; columns: Column<Item>[] }) {
  const lines = columns.filter((column) => column.place === undefined)
  const title = columns.find((column) => column.place === 'title')
  const corner = columns.find((column) => column.place === 'corner')
  const actions = columns.find((column) => column.place === 'actions')
  return (
    <>
      <div className={classes.top}>
        {title?.cell(item)}
        {corner?.cell(item)}
      </div>
      <dl className={classes.lines}>
        {lines.map((column) => (
          <Line key={column.header} header={column.header} cell={column.cell(item)} />
        ))}
      </dl>
      {actions && <div className={classes.actions}>{actions.cell(item)}</div>}
    </>
  )
}

function Line({ header, cell }: { header: string; cell: ReactNode }) {
  if (cell === null) return null
  return (
    <div>
      <dt>{header}</dt>
      <dd>{cell}</dd>
    </div>
  )
}
