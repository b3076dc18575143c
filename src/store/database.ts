import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import type { Tables } from './tables.ts'

export type Db = Kysely<Tables>
export type Trx = Transaction<Tables>

/** A pool of connections to PostgreSQL and the query builder on it. Dispose ends the pool. */
export interface Database extends AsyncDisposable {
  db: Db
  pool: pg.Pool
  url: string
}

export interface OpenDatabaseOptions {
  /** Most connections at once. */
  max: number
  /** Hears of idle connections that broke; the pool replaces them by itself. */
  onError: (error: Error) => void
}

/** Opens a pool on `url` (a PostgreSQL connection URI). Connects at the first query. */
export function openDatabase(url: string, options: OpenDatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max,
    connectionTimeoutMillis: 5000,
    application_name: 'countersign',
  })
  pool.on('error', options.onError)
  // The pool hears of idle connections only; without this, one that breaks in use ends the process.
  pool.on('connect', (client) => client.on('error', options.onError))
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  return { db, pool, url, [Symbol.asyncDispose]: () => db.destroy() }
}

/** What the system says when there is no way to the server; EAGAIN: its Unix socket is overrun. */
const NO_CONNECTION =
  /^(EAGAIN|EAI_AGAIN|ECONN|EHOST|ENET|ENOENT|ENOTCONN|ENOTFOUND|EPIPE|ETIMEDOUT)/

/**
 * True when a query failed because the database is away, not because of the query: no connection,
 * a connection that ended, or a server that is starting, stopping or out of means (SQLSTATE classes
 * 08, 57P and 53).
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as NodeJS.ErrnoException).code
  if (code !== undefined) {
    return /^(08|53|57P)/.test(code) || NO_CONNECTION.test(code)
  }
  return /Connection terminated|timeout exceeded when trying to connect|not queryable/.test(
    error.message,
  )
}

/** True when a text has a character that PostgreSQL does not store, U+0000 (SQLSTATE 22021). */
export function isUnstorableText(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '22021'
}

/** True when a row with the same value exists already (SQLSTATE 23505), on `constraint` if given. */
export function isDuplicate(error: unknown, constraint?: string): boolean {
  return (
    error instanceof pg.DatabaseError &&
    error.code === '23505' &&
    (constraint === undefined || error.constraint === constraint)
  )
}

/** True when the database undid a transaction so that another one could go on (SQLSTATE 40P01). */
export function isDeadlock(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '40P01'
}

/** True when a row still refers to, or no longer finds, another one (SQLSTATE 23503). */
export function isBrokenReference(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '23503'
}
