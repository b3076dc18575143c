import { sql } from 'kysely'
import type { Db } from '../store/database.ts'
import { reviveRevocations } from '../vault/old-revocations.ts'

/** Days for which a page may still ask how something went. */
const KEPT_DAYS = 7

/** Removes what was finished long ago; the audit trail keeps what happened. */
export async function removeFinished(db: Db): Promise<void> {
  const before = sql<Date>`now() - make_interval(days => ${KEPT_DAYS})`
  await db.deleteFrom('candidates').where('created_at', '<', before).execute()
  await db.deleteFrom('authorization_requests').where('created_at', '<', before).execute()
  await db.deleteFrom('device_sign_ins').where('expires_at', '<', sql<Date>`now()`).execute()
  await db.deleteFrom('person_tokens').where('expires_at', '<', sql<Date>`now()`).execute()
  // These end by the clocks of the servers, which may be behind.
  const longAgo = sql<Date>`now() - interval '1 day'`
  await db.deleteFrom('sessions').where('expires_at', '<', longAgo).execute()
  await db.deleteFrom('notices').where('ended_at', '<', before).execute()
  await db.deleteFrom('invites').where('expires_at', '<', before).execute()
  // No limit counts over more than minutes.
  const yesterday = sql<number>`extract(epoch from now() - interval '1 day') * 1000`
  await db.deleteFrom('rate_limits').where('last_request', '<', yesterday).execute()
  // The queue keeps them for ever. What each was about has ended, or is begun again with another.
  await sql`select graphile_worker.complete_jobs(array_agg(id)) from graphile_worker.jobs
    where attempts >= max_attempts and locked_at is null and updated_at < ${before}`.execute(db)
  await reviveRevocations(db)
}
