import { sql } from 'kysely'
import { ProblemError } from '../contract/index.ts'
import type { Db } from '../store/database.ts'

/**
 * Counts one attempt under `key`, over all servers.
 *
 * @throws ProblemError `too-many-attempts` after `most` of them within `seconds`
 */
export async function countAttempt(
  db: Db,
  key: string,
  { most, seconds }: { most: number; seconds: number },
): Promise<void> {
  const now = Date.now()
  const fresh = sql<boolean>`rate_limits.last_request < ${now - seconds * 1000}`
  const { count, last_request } = await db
    .insertInto('rate_limits')
    .values({ key, count: 1, last_request: now })
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet({
        count: sql<number>`case when ${fresh} then 1 else rate_limits.count + 1 end`,
        last_request: sql<number>`case when ${fresh} then ${now} else rate_limits.last_request end`,
      }),
    )
    .returning(['count', 'last_request'])
    .executeTakeFirstOrThrow()
  if (count <= most) return
  const retry_after = Math.max(1, Math.ceil((Number(last_request) - now) / 1000) + seconds)
  throw new ProblemError('too-many-attempts', `Wait ${retry_after} seconds, then try again.`, {
    extensions: { retry_after },
  })
}
