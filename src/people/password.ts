import { sql } from 'kysely'
import { MIN_PASSWORD_LENGTH, PASSWORD_TOO_SHORT, ProblemError } from '../contract/index.ts'
import type { Db, Trx } from '../store/database.ts'

/** For whoever chooses a password. @throws ProblemError `password-too-weak` */
export function refuseWeakPassword(password: string): void {
  if (password.length < MIN_PASSWORD_LENGTH) {
    throw new ProblemError('password-too-weak', PASSWORD_TOO_SHORT)
  }
}

/** What the password of this account is held against; undefined where there is none. */
export async function passwordHash(db: Db, email: string): Promise<string | null | undefined> {
  return (await passwordOf(db, email).executeTakeFirst())?.password
}

/**
 * Checking a password takes a while. One that was replaced meanwhile opens nothing, although all
 * sessions were ended before this one began; whoever replaces it from now on waits until `trx` ends.
 *
 * @throws ProblemError the one that `refusal` makes
 */
export async function refuseReplacedPassword(
  trx: Trx,
  known: { email: string; password_hash: string | null | undefined },
  refusal: () => ProblemError,
): Promise<void> {
  const row = await passwordOf(trx, known.email).forShare('logins').executeTakeFirst()
  if (row?.password !== known.password_hash) throw refusal()
}

function passwordOf(db: Db | Trx, email: string) {
  return db
    .selectFrom('logins')
    .innerJoin('people', 'people.id', 'logins.person_id')
    .select('logins.password')
    .where(sql<string>`lower(people.email)`, '=', email.toLowerCase())
    .where('logins.provider_id', '=', 'credential')
}

/**
 * Gives somebody another password and ends all their sessions, those of command lines, too.
 *
 * @param password as a hash
 */
export async function replacePassword(
  trx: Trx,
  person_id: string,
  password: string,
): Promise<void> {
  await trx
    .updateTable('logins')
    .set({ password })
    .where('person_id', '=', person_id)
    .where('provider_id', '=', 'credential')
    .execute()
  await endAllSessions(trx, person_id)
}

/**
 * Browsers and command lines sign in anew, those that were let in and have not asked since, too.
 * These go before the tokens: one that asks just now is then waited for, and its token is there to
 * be ended.
 */
export async function endAllSessions(trx: Trx, person_id: string): Promise<void> {
  await trx.deleteFrom('sessions').where('person_id', '=', person_id).execute()
  await trx.deleteFrom('device_sign_ins').where('person_id', '=', person_id).execute()
  await trx.deleteFrom('person_tokens').where('person_id', '=', person_id).execute()
}
