import type { ColumnType } from 'kysely'

/** Set by the database when absent, a `Date` when read. */
export type CreatedAt = ColumnType<Date, Date | undefined, never>
export type Instant = ColumnType<Date, Date, Date>
export type InstantOrNull = ColumnType<Date | null, Date | null | undefined, Date | null>
