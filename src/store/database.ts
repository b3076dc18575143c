import { setTimeout as pause } from 'node:timers/promises'
import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import { endClient } from './end-client.ts'
import { isLostConnection, poolClients } from './pool-client.ts'
import type { Tables } from './tables.ts'

export type Db = Kysely<Tables>
export type Trx = Transaction<Tables>

/** A pool of connections to PostgreSQL and the query builder on it. Dispose ends the pool. */
export interface Database extends AsyncDisposable {
  db: Db
  pool: pg.Pool
  url: string
  /** Ends every connection, now and later. Whoever waits for an answer hears that there is none. */
  hangUp(): void
}

export interface OpenDatabaseOptions {
  /** Most connections at once. */
  max: number
  /** Hears of idle connections that broke; the pool replaces them by itself. */
  onError: (error: Error) => void
  /**
   * For how many milliseconds a query may be without its answer: then its connection counts as
   * dead, and is ended. Without it a minute, which none of ours needs. Null: for ever.
   */
  answer_ms?: number | null
}

const ANSWER_MS = 60_000

/** The system finds out within half a minute that nobody is there any more at the other end. */
export const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 }

/** Opens a pool on `url` (a PostgreSQL connection URI). Connects at the first query. */
export function openDatabase(url: string, options: OpenDatabaseOptions): Database {
  const { max, onError, answer_ms = ANSWER_MS } = options
  const pool = new pg.Pool({
    connectionString: url,
    max,
    // Who comes after a while finds connections that are open, with what they know by heart.
    min: Math.ceil(max / 4),
    connectionTimeoutMillis: 5000,
    application_name: 'countersign',
    ...(answer_ms !== null && { query_timeout: answer_ms }),
    ...KEEP_ALIVE,
  })
  const clients = new Set<pg.Client>()
  let hungUp = false
  const prepareClient = poolClients(onError)
  pool.on('error', onError)
  pool.on('connect', (client) => {
    clients.add(client)
    client.once('end', () => clients.delete(client))
    // The pool hears of idle connections only; without this, one that breaks in use ends the process.
    client.on('error', onError)
    prepareClient(client)
    if (hungUp) void client.end()
  })
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  return {
    db,
    pool,
    url,
    hangUp() {
      hungUp = true
      for (const client of clients) void client.end()
    },
    async [Symbol.asyncDispose]() {
      await db.destroy()
      // The pool waits for none of them, and the process would.
      await Promise.all([...clients].map(endClient))
    },
  }
}

/**
 * Several reads of one snapshot: what changes between them is in none of them, so that they agree.
 *
 * @see https://www.postgresql.org/docs/current/transaction-iso.html#XACT-REPEATABLE-READ
 */
export function inSnapshot<T>(db: Db, read: (trx: Trx) => Promise<T>): Promise<T> {
  const transaction = db.transaction().setIsolationLevel('repeatable read')
  return transaction.setAccessMode('read only').execute(read)
}

/** Who probes gives up soon, or waits for as long as we let them; a query may be silent for a minute. */
const PROBE_MS = 5000

/** What the database answers to a probe; undefined when it is silent for 5 seconds. */
export async function answerInTime<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  const done = new AbortController()
  const late = pause(PROBE_MS, undefined, { signal: done.signal })
  try {
    return await Promise.race([answer, late])
  } finally {
    done.abort()
  }
}

/**
 * What the system says when there is no way to the server. EAGAIN: its Unix socket is overrun; EMFILE
 * and ENFILE: there is no file descriptor left here; EADDRNOTAVAIL: no port.
 */
const NO_CONNECTION =
  /^(EADDRNOTAVAIL|EAGAIN|EAI_AGAIN|ECONN|EHOST|EMFILE|ENET|ENFILE|ENOENT|ENOTCONN|ENOTFOUND|EPIPE|ETIMEDOUT)/

/** What pg and its pool say, without a code; of a client that connects, `timeout expired`. */
const NO_CONNECTION_WORDS =
  /Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|not queryable/

/** What Node says of a certificate it does not trust, and pg, without a code, of a server without TLS. */
const NO_TLS = /^(CERT_|DEPTH_ZERO_|EPROTO|ERR_SSL_|ERR_TLS_|SELF_SIGNED_|UNABLE_TO_)/
const NO_TLS_WORDS = /does not support SSL connections|error establishing an SSL connection/

/** True when there is no connection because it would not be the encrypted one that is asked for. */
export function isFailedTls(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  return code === undefined ? NO_TLS_WORDS.test(error.message) : NO_TLS.test(code)
}

/**
 * True when a query failed because the database is away, not because of the query: no connection,
 * one that ended or is silent; a server that is starting, stopping or out of means (SQLSTATE classes
 * 08, 57P and 53), or does not let us in any more, as with a changed password (28 and 3D000); or
 * because this connection to it is of no use any more.
 *
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (isLostConnection(error) || isFailedTls(error)) return true
  const code = (error as NodeJS.ErrnoException).code
  if (code !== undefined) {
    return /^(08|28|3D000|53|57P)/.test(code) || NO_CONNECTION.test(code)
  }
  return NO_CONNECTION_WORDS.test(error.message)
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
export function isBrokenReference(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && error.code === '23503'
}

/** The same, of a row that belongs to a person who is no longer there. */
export function isOfRemovedPerson(error: unknown): boolean {
  return isBrokenReference(error) && /_(owner|person)_id_fkey$/.test(error.constraint ?? '')
}
