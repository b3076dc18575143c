import type { Column, DataShapeProps } from './column.ts'
import classes from './data-table.module.css'
import { SkeletonLine } from './skeleton-line.tsx'

export function DataTable<Item>({ label, items, columns, keyOf }: DataShapeProps<Item>) {
  return (
    <div className={classes.frame}>
      <table className={classes.table} aria-label={label} aria-busy={items === undefined}>
        <colgroup>
          {columns.map((column) => (
            <col key={column.header} style={column.width ? { width: column.width } : undefined} />
          ))}
        </colgroup>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.header} scope="col" data-place={column.place}>
                {column.header}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items?.map((item) => <Row key={keyOf(item)} item={item} columns={columns} />) ?? (
            <SkeletonRows columns={columns} />
          )}
        </tbody>
      </table>
    </div>
  )
}

function Row<Item>({ item, columns }: { item: Item; columns: Column<Item>[] }) {
  return (
    <tr>
      {columns.map((column) =>
        column.place === 'title' ? (
          <th key={column.header} scope="row">
            {column.cell(item)}
          </th>
        ) : (
          <td key={column.header} data-place={column.place}>
            {column.cell(item) ?? <Nothing />}
          </td>
        ),
      )}
    </tr>
  )
}

function SkeletonRows<Item>({ columns }: { columns: Column<Item>[] }) {
  return ['a', 'b', 'c', 'd'].map((row) => (
    <tr key={row}>
      {columns.map((column) => (
        <td key={column.header}>
          <SkeletonLine lines={column.place === 'title' ? 2 : 1} />
        </td>
      ))}
    </tr>
  ))
}

function Nothing() {
  return (
    <span className={classes.nothing} role="img" aria-label="None">
      –
    </span>
  )
}
