import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'

/** The pool as graphile-worker is given it. Dispose it once the library has stopped. */
export interface QueuePool extends AsyncDisposable {
  pool: pg.Pool
  /** Whether the end of a task is still to be written down. */
  isWriting(): boolean
}

/** Between two tries to write down how a task ended. */
const AGAIN_MS = 1000

/** How graphile-worker names the statements that write down that one task is done, or has failed. */
const OUTCOME = /^(complete|fail)_job(_q)?\//

/** What the library uses of a connection that it takes for a statement or two. */
type Lent = Pick<pg.PoolClient, 'query'> & { release: () => Promise<void> }

/**
 * graphile-worker waits for no answer when it writes down how a task ended, so that an error there,
 * such as each task under way meets when the database goes away, ends the whole process. Here such a
 * statement is tried until it has gone through, and never fails. Everything else, whose errors the
 * library expects, passes as it is.
 *
 * On disposal each that is still to be written has a last try. The lock of one that is left over
 * goes with the life of this worker.
 */
export function openQueuePool(pool: pg.Pool, log: Logger): QueuePool {
  const closing = new AbortController()
  const writing = new Set<Promise<void>>()

  async function writeDown(statement: pg.QueryConfig): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      const isLast = closing.signal.aborted
      try {
        await pool.query(statement)
        return
      } catch (error) {
        if (tries === 0) log.warn({ err: error }, 'the end of a task waits for the database')
        if (isLast) return
      }
      await pause(AGAIN_MS, undefined, { signal: closing.signal }).catch(() => {})
    }
  }

  /** Takes a connection at the first statement, so that an outcome is not lost for lack of one. */
  function lend(): Lent {
    let taken: Promise<pg.PoolClient> | undefined
    async function query(statement: pg.QueryConfig | string, values?: unknown[]) {
      if (typeof statement !== 'string' && OUTCOME.test(statement.name ?? '')) {
        const written = writeDown(statement)
        writing.add(written)
        await written
        writing.delete(written)
        return undefined
      }
      taken ??= pool.connect()
      return await (await taken).query(statement, values)
    }
    async function release() {
      const client = await taken?.catch(() => undefined)
      client?.release()
    }
    return { query: query as Lent['query'], release }
  }

  /** With a callback it asks for the connection that it listens on. */
  const connect = (onConnect?: Parameters<pg.Pool['connect']>[0]) =>
    onConnect === undefined ? Promise.resolve(lend()) : pool.connect(onConnect)

  return {
    pool: Object.create(pool, { connect: { value: connect } }),
    isWriting: () => writing.size > 0,
    async [Symbol.asyncDispose]() {
      closing.abort()
      await Promise.all(writing)
    },
  }
}
