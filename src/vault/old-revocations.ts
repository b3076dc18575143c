import { sql } from 'kysely'
import { announceToken } from '../authorizations/announce-token.ts'
import { enqueueBehind } from '../jobs/queue.ts'
import { decide, vaultActor } from '../policy/decide.ts'
import type { Db } from '../store/database.ts'

/** Days for which a Git host that does not answer is told again and again that a grant is over. */
const REVOKED_DAYS = 30
/** A job tries for a day or so; then it is begun again each day. */
const TRIED_DAYS = 2

/**
 * Begins revocations again that got nowhere. After a month the box is destroyed all the same: by then
 * few grants live, and a secret that nobody needs is a risk. That is written down.
 */
export async function reviveRevocations(db: Db): Promise<void> {
  for (const row of await olderThan(db, REVOKED_DAYS)) {
    const { id, owner_id } = row
    const attempt = {
      actor: vaultActor,
      action: 'connection.revoke',
      subject: `grant of ${row.account_login} at ${row.provider}: given up, destroyed here`,
      reason: row.failure ?? 'not tried',
      ip: null,
      owner_id,
    } as const
    await decide(db, attempt, async (trx) => {
      await trx.deleteFrom('revocations').where('id', '=', id).execute()
      await announceToken(trx, row)
    })
  }
  for (const { id } of await olderThan(db, TRIED_DAYS)) await enqueueBehind(db, 'revoke-grant', id)
}

async function olderThan(db: Db, days: number) {
  return await db
    .selectFrom('revocations')
    .innerJoin('providers', 'providers.id', 'revocations.provider_id')
    .select([
      'revocations.id',
      'revocations.owner_id',
      'revocations.owner_kind',
      'revocations.account_login',
      'revocations.failure',
      'providers.name as provider',
    ])
    .where('revocations.created_at', '<', sql<Date>`now() - make_interval(days => ${days})`)
    .execute()
}
