import type { ColumnType } from 'kysely'

/** Set by the database when absent, a `Date` when read. */
export type CreatedAt = ColumnType<Date, Date | undefined, never>
export type Instant = ColumnType<Date, Date, Date>
/** Null where it was not given. */
export type OrNull<T> = ColumnType<T | null, T | null | undefined, T | null>
export type InstantOrNull = OrNull<Date>
