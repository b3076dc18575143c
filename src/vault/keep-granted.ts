import { setTimeout as pause } from 'node:timers/promises'
import type { TokenAnswer } from '../oauth/token-endpoint.ts'
import { appReplaced } from '../registrations/pending-grants.ts'
import { isDatabaseAway, isDeadlock, type Trx } from '../store/database.ts'
import type { FinishParts } from './exchange-code.ts'
import { keepRevocation } from './keep-revocation.ts'
import type { Keyring } from './keyring.ts'
import { OvertakenError } from './overtaken-error.ts'
import type { PendingRequest } from './pending-request.ts'
import { tokenSetAddress } from './token-set.ts'

/**
 * What the exchange gave, as it is kept until the account has been looked at. Its text is read as a
 * token set, too, when it is to be revoked.
 */
export interface Granted extends TokenAnswer {
  /** When it was asked for, by the database's clock, in milliseconds since the epoch. */
  asked_at: number
}

/** What an exchange gave, now or when this was tried before. */
export async function openGranted(
  keyring: Keyring,
  request: PendingRequest,
  token_set_box: string,
): Promise<Granted> {
  return JSON.parse(await keyring.open(tokenSetAddress(request), token_set_box)) as Granted
}

/** Codes that no longer lead to anything. */
export const usedUp = {
  code_box: null,
  code_verifier_box: null,
  device_code_box: null,
  user_code: null,
} as const

/**
 * Seals what a token endpoint granted into its request, before anything else is asked. What led to
 * it has been used up, so a database that is away is waited for, unless this vault is to end.
 *
 * @throws OvertakenError when another vault has, or has ended the request, or the person gave it up:
 *   what was granted is ended then
 * @throws ProblemError `authorization-failed` when the app was replaced: so it is then, too
 */
export async function keepGranted(
  { keyring, db, closing }: FinishParts,
  request: PendingRequest,
  answer: TokenAnswer,
): Promise<void> {
  const granted: Granted = { ...answer, asked_at: request.now.getTime() }
  const token_set_box = await keyring.seal(tokenSetAddress(request), JSON.stringify(granted))
  const unwanted = {
    ...request,
    row_id: request.id,
    account_login: 'an account',
    box: token_set_box,
  }
  const outcome = await whenDatabaseIsBack(closing, () =>
    db.transaction().execute(async (trx) => {
      if (await isReplaced(trx, request)) {
        await keepRevocation(trx, unwanted)
        return 'replaced'
      }
      const { numUpdatedRows } = await trx
        .updateTable('authorization_requests')
        .set({ ...usedUp, status: 'exchanging', token_set_box })
        .where('id', '=', request.id)
        .where('status', '=', request.status)
        .where('token_set_box', 'is', null)
        .executeTakeFirst()
      if (numUpdatedRows > 0n) return 'kept'
      if (await isGivenUp(trx, request)) await keepRevocation(trx, unwanted)
      return 'overtaken'
    }),
  )
  if (outcome === 'replaced') throw appReplaced()
  if (outcome === 'overtaken') throw new OvertakenError()
}

/**
 * Whether another app has taken the place of the one that was allowed. Whoever replaces it from now
 * on waits for the end of `trx`, and then ends what waits with a grant to it.
 */
async function isReplaced(trx: Trx, request: PendingRequest): Promise<boolean> {
  const app = await trx
    .selectFrom('clients')
    .select('client_id')
    .where('id', '=', request.client_row_id)
    .forShare()
    .executeTakeFirst()
  return app?.client_id !== request.client_id
}

/** The person gave up while the host granted it, or it was turned down: nobody else knows of it. */
async function isGivenUp(trx: Trx, request: PendingRequest): Promise<boolean> {
  const there = await trx
    .selectFrom('authorization_requests')
    .select('status')
    .where('id', '=', request.id)
    .executeTakeFirst()
  return there === undefined || there.status === 'refused'
}

/** For so long a database may be away, as at a failover, before what was granted is lost … */
const AWAY_MS = 120_000
/** … and so often it is tried. */
const AGAIN_MS = 1000

/**
 * Writes again what the database was away for, or took back in favour of another change.
 *
 * @param closing once it aborts, there is one more try
 * @param write bears being done twice: that it was done may not be heard
 */
async function whenDatabaseIsBack<T>(closing: AbortSignal, write: () => Promise<T>): Promise<T> {
  const give_up_at = performance.now() + AWAY_MS
  for (;;) {
    const isLast = closing.aborted || performance.now() > give_up_at
    try {
      return await write()
    } catch (error) {
      if (!(isDatabaseAway(error) || isDeadlock(error)) || isLast) throw error
    }
    await pause(AGAIN_MS, undefined, { signal: closing }).catch(() => {})
  }
}
