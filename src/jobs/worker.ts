import { Logger, run } from 'graphile-worker'
import { sql } from 'kysely'
import type { Logger as PinoLogger } from 'pino'
import type { Database } from '../store/database.ts'
import { checkCandidate, type VaultParts } from '../vault/check-candidate.ts'
import { checkConnection } from '../vault/check-connection.ts'
import { finishAuthorization } from '../vault/finish-authorization.ts'
import type { Refresher } from '../vault/refresh.ts'
import { revokeGrant } from '../vault/revoke-grant.ts'
import { testClient } from '../vault/test-client.ts'
import type { Tasks } from './queue.ts'
import { removeFinished } from './remove-finished.ts'

/** How many tasks a vault does at once; nearly all of their time is waiting for a Git host. */
const CONCURRENCY = 8

/** Does the queue's tasks until disposed; those under way are finished first. */
export async function startWorker(
  database: Database,
  parts: VaultParts & { refresher: Refresher; page_url: string },
  log: PinoLogger,
): Promise<AsyncDisposable> {
  const runner = await run({
    pgPool: database.pool,
    concurrency: CONCURRENCY,
    noHandleSignals: true,
    logger: new Logger(() => (level, message) => {
      if (level === 'error') log.error(message)
      else log.debug(message)
    }),
    crontab: '0 3 * * * daily-upkeep',
    taskList: {
      'check-candidate': (payload) =>
        checkCandidate(parts, (payload as Tasks['check-candidate']).id),
      'check-connection': (payload) =>
        checkConnection(parts, (payload as Tasks['check-connection']).id),
      'finish-authorization': (payload) =>
        finishAuthorization(parts, (payload as Tasks['finish-authorization']).id),
      'revoke-grant': (payload) => revokeGrant(parts, (payload as Tasks['revoke-grant']).id),
      'test-client': (payload) =>
        testClient(parts, parts.page_url, (payload as Tasks['test-client']).id),
      'daily-upkeep': async () => {
        await sql`select ensure_audit_partitions()`.execute(parts.db)
        await removeFinished(parts.db)
      },
    },
  })
  return { [Symbol.asyncDispose]: () => runner.stop() }
}
