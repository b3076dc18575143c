import { hashPassword } from 'better-auth/crypto'
import { sql } from 'kysely'
import { ProblemError } from '../contract/index.ts'
import { type Actor, decide } from '../policy/decide.ts'
import type { Db } from '../store/database.ts'
import { refuseWeakPassword, replacePassword } from './password.ts'

/** Somebody by their e-mail address, in any case. @throws ProblemError `not-found` */
export async function personByEmail(db: Db, email: string): Promise<{ id: string; email: string }> {
  const person = await db
    .selectFrom('people')
    .select(['id', 'email'])
    .where(sql`lower(email)`, '=', email.toLowerCase())
    .executeTakeFirst()
  if (person === undefined) {
    throw new ProblemError('not-found', `Nobody here has the e-mail address ${email}.`)
  }
  return person
}

/**
 * Gives somebody another password without the one before, and ends all their sessions, those of
 * command lines, too.
 *
 * @throws ProblemError `password-too-weak`
 */
export async function resetPassword(
  db: Db,
  request: { actor: Actor; person: { id: string; email: string }; password: string },
): Promise<void> {
  const { actor, person } = request
  refuseWeakPassword(request.password)
  const password = await hashPassword(request.password)
  const subject = `${person.email}, and all their sessions ended`
  const attempt = {
    actor,
    action: 'person.reset_password',
    subject,
    ip: null,
    owner_id: person.id,
  } as const
  await decide(db, attempt, async (trx) => {
    await replacePassword(trx, person.id, password)
  })
}
