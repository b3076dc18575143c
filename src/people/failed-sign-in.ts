import { sql } from 'kysely'
import { recordDenial } from '../policy/decide.ts'
import type { Db } from '../store/database.ts'

/**
 * Writes down that a sign-in failed. An address that nobody here has is not kept: it may be a
 * password that was typed into the wrong field.
 */
export async function recordFailedSignIn(
  db: Db,
  { email, ip }: { email: string; ip: string | null },
): Promise<void> {
  const person = await db
    .selectFrom('people')
    .select(['id', 'email'])
    .where(sql`lower(email)`, '=', email.toLowerCase())
    .executeTakeFirst()
  await recordDenial(db, {
    actor: { kind: 'person', id: person?.id ?? null, name: person?.email ?? 'unknown' },
    action: 'session.create',
    subject: person === undefined ? 'an e-mail address that nobody has' : 'wrong password',
    reason: 'sign-in-failed',
    ip,
    owner_id: person?.id ?? null,
  })
}
