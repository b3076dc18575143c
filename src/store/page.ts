import { type RawBuilder, sql } from 'kysely'
import { isId, ProblemError } from '../contract/index.ts'

/** What a list endpoint is asked for. `limit` is at least 1. */
export interface PageRequest {
  cursor?: string | undefined
  limit: number
  q?: string | undefined
}

/** The same, of a list in which some things need somebody. */
export interface NeedRequest extends PageRequest {
  /** Only those. */
  in_need?: boolean | undefined
}

export interface Page<T> {
  items: T[]
  next_cursor: string | null
}

/**
 * `count` for `limit`, as a word of the statement. As a value it would have PostgreSQL plan the
 * statement anew each time: to a plan for any number of rows it prefers one for the few that there are.
 *
 * @param count a whole number
 */
export function atMost(count: number): RawBuilder<number> {
  return sql.lit(count)
}

/**
 * Makes a page of up to `limit + 1` rows: the one too many only shows that there is more.
 *
 * @param keyOf the values by which the list is sorted, from which the next page starts
 */
export function toPage<Row, T>(
  rows: readonly Row[],
  limit: number,
  itemOf: (row: Row) => T,
  keyOf: (row: Row) => readonly (string | number)[],
): Page<T> {
  const shown = rows.slice(0, limit)
  const last = rows.length > limit ? shown.at(-1) : undefined
  return {
    items: shown.map(itemOf),
    next_cursor:
      last === undefined ? null : Buffer.from(JSON.stringify(keyOf(last))).toString('base64url'),
  }
}

/** What a list may be sorted by; each tells a value that the database can compare from others. */
const sortKinds = {
  /** PostgreSQL has no U+0000. */
  text: (value: string) => !value.includes('\0'),
  id: isId,
  /** As `Date` writes it, in the years that both know: of four digits, without a zeroth. */
  instant: (value: string) => {
    const date = new Date(value)
    const hasYear = /^(?!0000)\d{4}-/.test(value)
    return hasYear && !Number.isNaN(date.getTime()) && date.toISOString() === value
  },
  /** Of eight bytes at most. */
  number: (value: string) => /^\d{1,18}$/.test(value),
} as const

export type SortKind = keyof typeof sortKinds

/**
 * The sort values at which the last page ended; undefined for the first page.
 *
 * @param kinds what the list is sorted by
 * @throws ProblemError `request-invalid` for a cursor that we did not make
 */
export function decodeCursor(
  cursor: string | undefined,
  kinds: readonly SortKind[],
): string[] | undefined {
  if (cursor === undefined) return undefined
  try {
    const values: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    if (Array.isArray(values) && values.length === kinds.length) {
      const texts = values.map(String)
      if (kinds.every((kind, index) => sortKinds[kind](texts[index] ?? ''))) return texts
    }
  } catch {
    // Not JSON: told below, like every other cursor that is not ours.
  }
  throw new ProblemError('request-invalid', 'The cursor is not valid. Start from the first page.')
}

/** A LIKE pattern for "contains these words"; null when nothing is asked for. */
export function containsPattern(q: string | undefined): string | null {
  const words = q?.trim()
  return words ? `%${words.replace(/[\\%_]/g, '\\$&')}%` : null
}
