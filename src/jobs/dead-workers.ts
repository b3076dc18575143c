import type { Logger } from 'pino'
import type { Db } from '../store/database.ts'
import { unlockLostJobs } from './lost-jobs.ts'
import { unlockJobsOf, workersWithoutLife } from './worker-life.ts'

/** A worker that looks after the others, and after itself. */
export interface OwnWorker {
  id: string
  /** Ids of the jobs that it has; undefined while it cannot be said. */
  underway: () => ReadonlySet<string> | undefined
}

/** How often the few rows of workers are looked at. */
const LOOK_MS = 4000
/** A worker may be without its lock for so long: its connection broke, and is made again. */
const GRACE_MS = 6000

/**
 * Has the jobs of vaults that died done by the others, which the queue by itself would do after
 * four hours. A worker counts as dead only when its lock was missing for a while. Jobs that were lost
 * on their way to this one are done again, too.
 */
export function startUnlocking(db: Db, own: OwnWorker, log: Logger): AsyncDisposable {
  let missing = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  let closing = false

  function work(): void {
    looking = look()
      .catch((error: unknown) => {
        // Nobody can renew a lock while the database is away.
        missing.clear()
        log.warn({ err: error }, 'dead workers could not be looked up')
      })
      .then(() => {
        if (!closing) timer = setTimeout(work, LOOK_MS)
      })
  }

  async function look(): Promise<void> {
    const underway = own.underway()
    const lost = underway === undefined ? 0 : await unlockLostJobs(db, own.id, underway)
    if (lost > 0) log.warn({ jobs: lost }, 'jobs were lost on their way here; they are begun again')
    const now = performance.now()
    const without = await workersWithoutLife(db)
    missing = new Map(without.map((id) => [id, missing.get(id) ?? now]))
    const dead = without.filter((id) => now - (missing.get(id) ?? now) >= GRACE_MS)
    if (dead.length === 0) return
    for (const worker of await unlockJobsOf(db, dead)) {
      log.warn({ worker }, 'a vault has died; its jobs are begun again')
    }
  }

  work()
  return {
    async [Symbol.asyncDispose]() {
      closing = true
      clearTimeout(timer)
      await looking
    },
  }
}
