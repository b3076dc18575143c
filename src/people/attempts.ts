import { sql } from 'kysely'
import { ProblemError } from '../contract/index.ts'
import { hashSecret } from '../policy/issued-secret.ts'
import type { Db } from '../store/database.ts'
import { networkOf } from './network.ts'

/**
 * Counts one attempt under `key`, over all servers. `last_request` is when counting begins anew.
 *
 * @throws ProblemError `too-many-attempts` after `most` of them within `seconds`
 */
export async function countAttempt(
  db: Db,
  key: string,
  { most, seconds }: { most: number; seconds: number },
): Promise<void> {
  const now = Date.now()
  const ends = now + seconds * 1000
  const fresh = sql<boolean>`rate_limits.last_request < ${now}`
  const { count, last_request } = await db
    .insertInto('rate_limits')
    .values({ key, count: 1, last_request: ends })
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet({
        count: sql<number>`case when ${fresh} then 1 else rate_limits.count + 1 end`,
        last_request: sql<number>`case when ${fresh} then ${ends} else rate_limits.last_request end`,
      }),
    )
    .returning(['count', 'last_request'])
    .executeTakeFirstOrThrow()
  if (count <= most) return
  const retry_after = Math.max(1, Math.ceil((Number(last_request) - now) / 1000))
  throw new ProblemError('too-many-attempts', `Wait ${retry_after} seconds, then try again.`, {
    extensions: { retry_after },
  })
}

/** The same for what is refused anyhow. @returns whether this attempt was not one too many */
export async function isWithin(
  db: Db,
  key: string,
  limit: { most: number; seconds: number },
): Promise<boolean> {
  try {
    await countAttempt(db, key, limit)
    return true
  } catch (error) {
    if (error instanceof ProblemError) return false
    throw error
  }
}

/** Sign-ins from one address, and to one account: more than one address can make, who shuts nobody out. */
const FROM_ADDRESS = { most: 10, seconds: 60 }
const TO_ACCOUNT = { most: 60, seconds: 300 }

/**
 * Passwords are not to be guessed. What was typed as an address is counted by its hash: it may be a
 * password, too.
 *
 * @throws ProblemError `too-many-attempts`
 */
export async function countSignIn(
  db: Db,
  attempt: { email: string; ip: string | null },
): Promise<void> {
  await countAttempt(db, `sign-in from ${networkOf(attempt.ip ?? 'unknown')}`, FROM_ADDRESS)
  const account = hashSecret(attempt.email.toLowerCase()).toString('hex')
  await countAttempt(db, `sign-in to ${account}`, TO_ACCOUNT)
}

/** Whoever has a session that is not theirs may guess so often, from however many addresses. */
const PASSWORDS = { most: 10, seconds: 60 }

/**
 * Counts a password that somebody gives for their own.
 *
 * @throws ProblemError `too-many-attempts`
 */
export async function countPassword(db: Db, person: { id: string }): Promise<void> {
  await countAttempt(db, `password ${person.id}`, PASSWORDS)
}

/** Each may be a bad login at a Git host, up to four times. */
const CANDIDATES = { most: 60, seconds: 300 }

/**
 * Counts a token that a person hands in, for whomever.
 *
 * @throws ProblemError `too-many-attempts`
 */
export async function countCandidate(db: Db, person: { id: string }): Promise<void> {
  await countAttempt(db, `candidate ${person.id}`, CANDIDATES)
}

/** Each goes to the Git host at once, ahead of what it asks vaults to wait for. */
const CHECKS = { most: 60, seconds: 300 }

/**
 * Counts a check that a person asks for, of whosever token.
 *
 * @throws ProblemError `too-many-attempts`
 */
export async function countCheck(db: Db, person: { id: string }): Promise<void> {
  await countAttempt(db, `check ${person.id}`, CHECKS)
}
