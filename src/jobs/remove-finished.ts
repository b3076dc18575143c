import { sql } from 'kysely'
import type { Db } from '../store/database.ts'
import { enqueueBehind } from './queue.ts'

/** Days for which a page may still ask how something went. */
const KEPT_DAYS = 7
/** Days for which a Git host that does not answer is told again and again that a grant is over. */
const REVOKED_DAYS = 30

/** Removes what was finished long ago; the audit trail keeps what happened. */
export async function removeFinished(db: Db): Promise<void> {
  const before = sql<Date>`now() - make_interval(days => ${KEPT_DAYS})`
  await db.deleteFrom('candidates').where('created_at', '<', before).execute()
  await db.deleteFrom('authorization_requests').where('created_at', '<', before).execute()
  await db.deleteFrom('device_sign_ins').where('expires_at', '<', sql<Date>`now()`).execute()
  await db.deleteFrom('person_tokens').where('expires_at', '<', sql<Date>`now()`).execute()
  await db.deleteFrom('notices').where('ended_at', '<', before).execute()
  await db.deleteFrom('invites').where('expires_at', '<', before).execute()
  // Milliseconds, as better-auth keeps them. No limit counts over more than minutes.
  const yesterday = sql<number>`extract(epoch from now() - interval '1 day') * 1000`
  await db.deleteFrom('rate_limits').where('last_request', '<', yesterday).execute()
  await reviveRevocations(db)
}

/**
 * A job tries for a day or so; the next day it is begun again. After a month the box is destroyed
 * all the same: by then few grants live, and a secret that nobody needs is a risk.
 */
async function reviveRevocations(db: Db): Promise<void> {
  const since = (days: number) => sql<Date>`now() - make_interval(days => ${days})`
  await db.deleteFrom('revocations').where('created_at', '<', since(REVOKED_DAYS)).execute()
  const waiting = await db
    .selectFrom('revocations')
    .select('id')
    .where('created_at', '<', since(2))
    .execute()
  for (const { id } of waiting) await enqueueBehind(db, 'revoke-grant', id)
}
