import { EventEmitter } from 'node:events'
import type { Job, WorkerEvents } from 'graphile-worker'
import { sql } from 'kysely'
import type { Logger as PinoLogger } from 'pino'
import type { Database } from '../store/database.ts'
import { Logger, run } from '../store/queue-library.ts'
import { checkCandidate } from '../vault/check-candidate.ts'
import { type CheckParts, checkConnection } from '../vault/check-connection.ts'
import type { FinishParts } from '../vault/exchange-code.ts'
import { finishAuthorization } from '../vault/finish-authorization.ts'
import type { CandidateParts } from '../vault/prove-candidate.ts'
import { revokeGrant } from '../vault/revoke-grant.ts'
import { testClient } from '../vault/test-client.ts'
import { startUnlocking } from './dead-workers.ts'
import type { Tasks } from './queue.ts'
import { openQueuePool } from './queue-pool.ts'
import { removeFinished } from './remove-finished.ts'

/** How many tasks a vault does at once; nearly all of their time is waiting for a Git host. */
const CONCURRENCY = 16

/**
 * Does the queue's tasks until disposed; those under way are finished first. Those of a vault that
 * died are begun again by another one within seconds: each task bears being done twice.
 *
 * @param id under which this vault is known to live
 */
export async function startWorker(
  database: Pick<Database, 'pool'>,
  id: string,
  parts: FinishParts & CheckParts & CandidateParts & { page_url: string },
  log: PinoLogger,
): Promise<AsyncDisposable> {
  await using resources = new AsyncDisposableStack()
  const queue = resources.use(openQueuePool(database.pool, log))
  const jobs = new Set<string>()
  // One whose end is not written yet is no longer here, and is not lost.
  const underway = () => (queue.isWriting() ? undefined : jobs)
  resources.use(startUnlocking(parts.db, { id, underway }, log))
  const runner = await run({
    pgPool: queue.pool,
    events: eventsOf(id, jobs, log),
    concurrency: CONCURRENCY,
    noHandleSignals: true,
    logger: new Logger(() => (level, message, meta) => {
      // Of a task that threw, the event says more.
      if (level === 'error' && meta?.failure !== true) log.error(message)
      else log.debug(message)
    }),
    // Where no vault was there at that time, it is made up for at the next start.
    crontab: '0 3 * * * daily-upkeep ?fill=1d',
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
  resources.defer(() => runner.stop())
  return resources.move()
}

/**
 * Names the worker, so that its jobs are locked by this name, and not by one that nobody else can
 * know is alive.
 *
 * @param jobs ids of those that it has are kept here
 */
function eventsOf(id: string, jobs: Set<string>, log: PinoLogger): WorkerEvents {
  const events: WorkerEvents = new EventEmitter()
  events.on('pool:create', ({ workerPool }) => {
    workerPool.id = id
  })
  events.on('job:start', ({ job }) => jobs.add(job.id))
  events.on('job:error', ({ job, error }) => logFailure(log, job, error))
  events.on('job:complete', ({ job }) => jobs.delete(job.id))
  return events
}

/** A task whose Git host or database is away is done again, so that this is no error yet. */
function logFailure(log: PinoLogger, job: Job, error: unknown): void {
  const { id, task_identifier, attempts, max_attempts } = job
  const what = { err: error, task: task_identifier, job: id, attempt: attempts }
  if (attempts < max_attempts) log.warn(what, 'a task did not succeed, and will be done again')
  else log.error(what, 'a task did not succeed, and is given up')
}
