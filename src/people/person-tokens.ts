import { sql } from 'kysely'
import type { Role } from '../contract/index.ts'
import { decide } from '../policy/decide.ts'
import { hashSecret, isSecret, newSecret } from '../policy/issued-secret.ts'
import type { Db, Trx } from '../store/database.ts'
import type { SignedIn } from './auth.ts'

const PREFIX = 'csp_'
/** As long as a browser's session. */
const TOKEN_DAYS = 14

/** Makes the token of a person's command line; only a hash is kept. */
export async function issuePersonToken(
  trx: Trx,
  owner: { person_id: string; device_name: string },
): Promise<{ access_token: string; expires_at: Date }> {
  const access_token = newSecret(PREFIX)
  const { expires_at } = await trx
    .insertInto('person_tokens')
    .values({
      ...owner,
      hash: hashSecret(access_token),
      expires_at: sql<Date>`now() + make_interval(days => ${TOKEN_DAYS})`,
    })
    .returning('expires_at')
    .executeTakeFirstOrThrow()
  return { access_token, expires_at }
}

/** Whose command line sends this token; undefined: nobody's, or not any more. */
export async function ownerOfToken(db: Db, token: string): Promise<SignedIn | undefined> {
  if (!isSecret(PREFIX, token)) return undefined
  const person = await db
    .selectFrom('person_tokens')
    .innerJoin('people', 'people.id', 'person_tokens.person_id')
    .select(['people.id', 'people.email', 'people.role'])
    .where('person_tokens.hash', '=', hashSecret(token))
    .where('person_tokens.expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst()
  if (person === undefined) return undefined
  const { id, email, role } = person
  return { kind: 'person', id, name: email, role: role satisfies Role }
}

/** Ends the session of a command line. One that has ended already is no matter. */
export async function endPersonToken(
  db: Db,
  { token, ip }: { token: string; ip: string | null },
): Promise<void> {
  const actor = await ownerOfToken(db, token)
  if (actor === undefined) return
  const subject = 'signed out on a command line'
  const owner_id = actor.id
  const attempt = { actor, action: 'session.delete', subject, ip, owner_id } as const
  await decide(db, attempt, async (trx) => {
    await trx.deleteFrom('person_tokens').where('hash', '=', hashSecret(token)).execute()
  })
}
