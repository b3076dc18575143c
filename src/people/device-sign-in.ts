import { createHmac, randomBytes, randomInt } from 'node:crypto'
import { sql } from 'kysely'
import {
  type DeviceSignIn,
  type DeviceSignInCodes,
  type DeviceSignInProgress,
  ProblemError,
} from '../contract/index.ts'
import { decide } from '../policy/decide.ts'
import { hashSecret } from '../policy/issued-secret.ts'
import type { Db, Trx } from '../store/database.ts'
import { countAttempt } from './attempts.ts'
import { holdSession, type InBrowser, type SignedIn } from './auth.ts'
import { networkOf } from './network.ts'
import { issuePersonToken } from './person-tokens.ts'

/** Path of the page on which people approve. */
const VERIFICATION_PATH = '/device'
const CODE_MINUTES = 10
const POLL_SECONDS = 2
/** What `slow_down` adds, RFC 8628 §3.5. */
const SLOWER_SECONDS = 5
/** Clocks and networks are not exact. */
const GRACE_MS = 500

/** Consonants only: no words come out, and nothing is taken for something else, RFC 8628 §6.1. */
const USER_CODE_ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ'
const USER_CODE_CHARACTERS = 8

/** What one address may begin, and what one person may type, so that codes cannot be guessed. */
const BEGINNINGS = { most: 30, seconds: 300 }
const LOOKS = { most: 20, seconds: 300 }

/** A code that a person typed, and the server's secret with which it is looked up. */
interface TypedCode {
  user_code: string
  session_secret: string
}

/**
 * Begins to sign a command line in: codes for it and for the person, of which only hashes are kept.
 *
 * @throws ProblemError `too-many-attempts`
 * @see https://www.rfc-editor.org/rfc/rfc8628#section-3.2
 */
export async function beginDeviceSignIn(
  db: Db,
  request: { device_name: string; ip: string | null; page_url: string; session_secret: string },
): Promise<DeviceSignInCodes> {
  const { device_name, ip, page_url, session_secret } = request
  await countAttempt(db, `device-sign-in ${networkOf(ip ?? 'unknown')}`, BEGINNINGS)
  const device_code = randomBytes(32).toString('base64url')
  const code = newUserCode()
  await db
    .insertInto('device_sign_ins')
    .values({
      device_code_hash: hashSecret(device_code),
      user_code_hash: userCodeHash(code, session_secret),
      device_name,
      ip,
      poll_interval: POLL_SECONDS,
      expires_at: sql<Date>`now() + make_interval(mins => ${CODE_MINUTES})`,
    })
    .execute()
  const user_code = forPeople(code)
  return {
    device_code,
    user_code,
    verification_uri: page_url + VERIFICATION_PATH,
    verification_uri_complete: `${page_url}${VERIFICATION_PATH}?user_code=${user_code}`,
    expires_in: CODE_MINUTES * 60,
    interval: POLL_SECONDS,
  }
}

/**
 * What has this code, for the person to compare.
 *
 * @throws ProblemError `device-code-unknown`, `too-many-attempts`
 */
export async function readDeviceSignIn(
  db: Db,
  request: { person: SignedIn } & TypedCode,
): Promise<DeviceSignIn> {
  const { person, user_code } = request
  await countAttempt(db, `device-code ${person.id}`, LOOKS)
  const row = await waiting(db, request).executeTakeFirst()
  if (row === undefined) throw codeUnknown()
  return {
    user_code: forPeople(tidy(user_code)),
    device_name: row.device_name,
    ip: row.ip,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
  }
}

/**
 * The person's word: what has this code may act as them, or not. It counts once, and only as long as
 * the session lives in which it is given.
 *
 * @throws ProblemError `device-code-unknown`, `not-signed-in`, `too-many-attempts`
 */
export async function answerDeviceSignIn(
  db: Db,
  request: { person: InBrowser; ip: string | null; approved: boolean } & TypedCode,
): Promise<void> {
  const { person, ip, approved } = request
  await countAttempt(db, `device-code ${person.id}`, LOOKS)
  const row = await waiting(db, request).executeTakeFirst()
  if (row === undefined) throw codeUnknown()
  const attempt = {
    actor: person,
    action: 'device_sign_in.answer',
    subject: `${row.device_name}: ${approved ? 'approved' : 'turned down'}`,
    ip,
    owner_id: person.id,
  } as const
  await decide(db, attempt, async (trx) => {
    await holdSession(trx, person)
    const answered = await trx
      .updateTable('device_sign_ins')
      .set({ status: approved ? 'approved' : 'denied', person_id: person.id })
      .where('id', '=', row.id)
      .where('status', '=', 'pending')
      .executeTakeFirst()
    if (answered.numUpdatedRows === 0n) throw codeUnknown()
  })
}

/**
 * Says how far the person is. Once they have approved, the answer has the token, and the code is
 * used up.
 *
 * @throws ProblemError `device-code-expired`, `device-sign-in-denied`
 * @see https://www.rfc-editor.org/rfc/rfc8628#section-3.5
 */
export async function redeemDeviceSignIn(
  db: Db,
  request: { device_code: string; ip: string | null },
): Promise<DeviceSignInProgress> {
  const { device_code, ip } = request
  const found = await db
    .selectFrom('device_sign_ins')
    .leftJoin('people', 'people.id', 'device_sign_ins.person_id')
    .select(['device_sign_ins.id', 'status', 'device_name', 'poll_interval', 'polled_at'])
    .select(['person_id', 'email', 'people.role', sql<Date>`now()`.as('now')])
    .where('device_code_hash', '=', hashSecret(device_code))
    .where('device_sign_ins.expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst()
  if (found === undefined) throw codeExpired()
  const { id, status, device_name, person_id, email, role } = found
  if (status === 'denied') {
    throw new ProblemError('device-sign-in-denied', 'Nobody was signed in.')
  }
  if (status === 'pending' || person_id === null || email === null || role === null) {
    return await askedAgain(db, found)
  }
  const actor = { kind: 'person', id: person_id, name: email, role } as const
  const subject = `signed in on the command line of ${device_name}`
  const attempt = { actor, action: 'session.create', subject, ip, owner_id: person_id } as const
  return await decide(db, attempt, async (trx) => {
    await useUp(trx, id)
    const { access_token, expires_at } = await issuePersonToken(trx, { person_id, device_name })
    const progress = { status: 'approved', interval: POLL_SECONDS } as const
    return { ...progress, access_token, expires_at: expires_at.toISOString() }
  })
}

/** Of two that ask at once, one gets the token. */
async function useUp(trx: Trx, id: string): Promise<void> {
  const used = await trx.deleteFrom('device_sign_ins').where('id', '=', id).executeTakeFirst()
  if (used.numDeletedRows === 0n) throw codeExpired()
}

async function askedAgain(
  db: Db,
  row: { id: string; poll_interval: number; polled_at: Date | null; now: Date },
): Promise<DeviceSignInProgress> {
  const due = (row.polled_at?.getTime() ?? 0) + row.poll_interval * 1000
  const early = row.now.getTime() < due - GRACE_MS
  const interval = row.poll_interval + (early ? SLOWER_SECONDS : 0)
  await db
    .updateTable('device_sign_ins')
    .set({ poll_interval: interval, polled_at: row.now })
    .where('id', '=', row.id)
    .execute()
  const status = early ? 'slow_down' : 'authorization_pending'
  return { status, interval, access_token: null, expires_at: null }
}

function waiting(db: Db, { user_code, session_secret }: TypedCode) {
  return db
    .selectFrom('device_sign_ins')
    .select(['id', 'device_name', 'ip', 'created_at', 'expires_at'])
    .where('user_code_hash', '=', userCodeHash(tidy(user_code), session_secret))
    .where('status', '=', 'pending')
    .where('expires_at', '>', sql<Date>`now()`)
}

function newUserCode(): string {
  const letter = () => USER_CODE_ALPHABET[randomInt(USER_CODE_ALPHABET.length)]
  return Array.from({ length: USER_CODE_CHARACTERS }, letter).join('')
}

/** As people type it: in any case, with or without what stands between. */
function tidy(user_code: string): string {
  return user_code.toUpperCase().replaceAll(/[^A-Z]/g, '')
}

function forPeople(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`
}

/** So few characters are found by trying them all, but for a secret that the database has not. */
function userCodeHash(code: string, session_secret: string): Buffer {
  return createHmac('sha256', session_secret).update(`device user code ${code}`).digest()
}

function codeUnknown(): ProblemError {
  return new ProblemError(
    'device-code-unknown',
    'Compare it with what the command line shows. A code works once, and for ten minutes.',
  )
}

function codeExpired(): ProblemError {
  return new ProblemError('device-code-expired', 'Begin again for a new code.')
}
