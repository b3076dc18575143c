import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from 'pino'
import { answerInTime, type Database, KEEP_ALIVE } from '../store/database.ts'
import { aborted } from './aborted.ts'

/** Between two questions whether the database still answers. */
const LOOK_MS = 1000

/**
 * Once `signal` has aborted, and until disposed, sees to it that a database which takes connections
 * and answers nothing, as one on a machine that was frozen does, is waited for no longer: each query
 * would be for a minute. What a vault was given for a refresh token is on its disk by then.
 */
export function leaveSilentDatabase(
  database: Database,
  signal: AbortSignal,
  log: Logger,
): AsyncDisposable {
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])

  async function look(): Promise<void> {
    await aborted(either)
    while (!over.signal.aborted) {
      if (await isSilent(database.url, over.signal)) {
        log.warn('the database is silent: the end waits for it no longer')
        return database.hangUp()
      }
      await pause(LOOK_MS, undefined, { signal: over.signal }).catch(() => {})
    }
  }

  const looking = look()
  return {
    async [Symbol.asyncDispose]() {
      over.abort()
      await looking
    },
  }
}

/** Whether there is neither an answer nor an error, on a connection of its own. */
async function isSilent(url: string, signal: AbortSignal): Promise<boolean> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'countersign',
    ...KEEP_ALIVE,
  })
  client.on('error', () => {})
  const answer = client.connect().then(() => client.query('select 1').then(heard, heard), heard)
  const answered = await Promise.race([answerInTime(answer), aborted(signal).then(heard)])
  client.connection.stream.destroy()
  return answered === undefined
}

function heard(): true {
  return true
}
