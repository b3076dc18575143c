import { sql } from 'kysely'
import { announceToken } from '../authorizations/announce-token.ts'
import { settleNotices } from '../authorizations/notices.ts'
import type { TokenAnswer, TokenEndpointError } from '../oauth/token-endpoint.ts'
import { type Attempt, decide, vaultActor } from '../policy/decide.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { Db } from '../store/database.ts'
import type { StoredStatus } from '../store/tables.ts'
import { nextCheck } from './accepted-connection.ts'
import { noteClientFault, noteClientWorks } from './client-health.ts'
import { scopesAfter } from './granted-scopes.ts'
import type { Keyring } from './keyring.ts'
import { endLate } from './late-tokens.ts'
import { whyNoToken } from './no-token-sentence.ts'
import type { Claimed, RefreshCause } from './refresh-claim.ts'
import {
  lifetimeOf,
  openTokenSet,
  type TokenSet,
  tokenSetAddress,
  tokenSetText,
  tokensIn,
} from './token-set.ts'

/** What came of wanting a newer token set than `version`. */
export type RefreshOutcome =
  /** There is one now, made here or by another vault. */
  | 'refreshed'
  /** The provider says that the grant is gone: the person must authorize again. */
  | 'gone'
  /** The provider says that the app is wrong: an administrator must mend it. */
  | 'misconfigured'
  /** Nothing was learned. What there was stays. */
  | 'unavailable'

/** A refresh that nothing came of is tried again after at least this long, then ever longer. */
const RETRY_MS = 15_000
const MOST_RETRY_MS = 30 * 60_000

export interface Granted {
  answer: TokenAnswer
  /** By the database's clock, as all times that are stored. */
  asked_at: Date
}

/**
 * The next version of the token set, with everything that follows from it, in one transaction. When
 * the connection was deleted while the provider answered, its app was removed, or somebody authorized
 * anew, what came is over, and the provider is told.
 */
export async function storeRefreshed(
  { keyring, db }: { keyring: Keyring; db: Db },
  row: Claimed,
  { answer, asked_at }: Granted,
): Promise<'refreshed' | 'gone'> {
  const before = await openTokenSet(keyring, row)
  const tokens = {
    access_token: answer.access_token,
    refresh_token: answer.refresh_token ?? before.refresh_token,
  }
  const box = await keyring.seal(tokenSetAddress(row), tokenSetText(tokens))
  const lifetime = lifetimeOf({ ...answer, ...tokens }, asked_at, Math.random())
  // The refresh token that stays ends when it was said to.
  const stays = tokens.refresh_token !== null && tokens.refresh_token === before.refresh_token
  const expires_at = lifetime.expires_at ?? (stays ? row.expires_at : null)
  const scopes = scopesAfter(adapterFor(row.kind), row, answer.scopes)
  // What the answer did not say, or says anew, the host may show when it is asked about the token.
  const unsure = lifetime.access_expires_at === null || scopes !== undefined
  try {
    await decide(db, attemptOf(row, 'refreshed'), async (trx) => {
      // The app goes first, here as where it is removed or replaced.
      if (row.client_outcome === 'failed') await noteClientWorks(trx, row)
      const { numUpdatedRows } = await trx
        .updateTable('connections')
        .set({
          box,
          fingerprint: keyring.fingerprint(tokens.access_token),
          version: sql<number>`version + 1`,
          ...lifetime,
          expires_at,
          // None is due where the grant seemed over.
          check_due_at: unsure
            ? sql<Date>`now()`
            : sql<Date>`coalesce(check_due_at, ${nextCheck('answered')})`,
          ...(scopes ?? { status: acceptedAgain }),
          refresh_claimed_by: null,
          refresh_claimed_at: null,
          refresh_failures: 0,
          refresh_failed_at: null,
          refresh_failure: null,
          check_failed_at: null,
          check_failed_reason: null,
        })
        .where('id', '=', row.id)
        .where('version', '=', row.version)
        .where('client_row_id', 'is not', null)
        .executeTakeFirst()
      if (numUpdatedRows === 0n) throw new NotStoredError()
      await settleNotices(trx, row.id)
      await announceToken(trx, row)
    })
    return 'refreshed'
  } catch (error) {
    if (!(error instanceof NotStoredError)) throw error
    if (await isStored(db, keyring, row, tokens)) return 'refreshed'
    return await decide(db, attemptOf(row, 'too late'), (trx) => endLate(trx, keyring, row, box))
  }
}

/** Whether this very answer is there: whoever shares our disk may have brought it home before us. */
async function isStored(
  db: Db,
  keyring: Keyring,
  { version, ...row }: Claimed,
  { access_token }: TokenSet,
): Promise<boolean> {
  const there = await db
    .selectFrom('connections')
    .select('box')
    .where('id', '=', row.id)
    .where('version', '=', version + 1)
    .executeTakeFirst()
  if (there === undefined) return false
  return (await tokensIn(keyring, { ...row, ...there }))?.access_token === access_token
}

/** What a token that was refused, or a grant that seemed over, may do is what it could do before. */
const acceptedAgain = sql<StoredStatus>`case
  when status not in ('rejected', 'reauthorization_required') then status
  when cardinality(missing_scopes) > 0 then 'insufficient_scopes'
  when cardinality(scopes) = 0 then 'unverified'
  else 'valid' end`

/** Nothing is audited as refreshed that was not. */
class NotStoredError extends Error {
  override readonly name = 'NotStoredError'
}

/**
 * Writes down that a refresh gave nothing, and when to try again, if ever. Only tries that were due
 * make the wait for the next one longer: others may come in any number.
 */
export async function concludeFailed(
  db: Db,
  row: Claimed,
  error: TokenEndpointError,
  cause: RefreshCause,
): Promise<RefreshOutcome> {
  const outcome = (
    {
      permanent: 'gone',
      misconfigured: 'misconfigured',
      blocked: 'unavailable',
      transient: 'unavailable',
    } as const
  )[error.outcome]
  const gone = outcome === 'gone'
  const due = cause === 'due'
  const wait = retryAfterMs(due ? row.refresh_failures : 0, error.retry_after) / 1000
  const next = sql<Date>`now() + make_interval(secs => ${wait})`
  const retry = due
    ? { refresh_failures: row.refresh_failures + 1, refresh_due_at: next }
    : {
        refresh_failures: Math.max(row.refresh_failures, 1),
        refresh_due_at: sql<Date>`case when refresh_due_at > now() then refresh_due_at else ${next} end`,
      }
  return await decide(db, { ...attemptOf(row, outcome), reason: error.reason }, async (trx) => {
    if (outcome === 'misconfigured') await noteClientFault(trx, row, error.reason)
    const changed = await trx
      .updateTable('connections')
      .set({
        refresh_claimed_by: null,
        refresh_claimed_at: null,
        ...(gone
          ? over
          : { ...retry, refresh_failed_at: sql<Date>`now()`, refresh_failure: outcome }),
        check_failed_at: gone ? null : sql<Date>`now()`,
        check_failed_reason: gone ? null : failureSentence(row.provider, error),
      })
      .where('id', '=', row.id)
      .where('version', '=', row.version)
      .where('client_row_id', 'is not', null)
      .executeTakeFirst()
    if (gone) await settleNotices(trx, row.id)
    await announceToken(trx, row)
    // It moved on while we asked: somebody authorized anew, or removed the app.
    return changed.numUpdatedRows === 0n ? 'refreshed' : outcome
  })
}

const over = {
  status: 'reauthorization_required',
  refresh_due_at: null,
  refresh_failed_at: null,
  refresh_failure: null,
} as const

function failureSentence(provider: string, error: TokenEndpointError): string {
  return error.outcome === 'misconfigured'
    ? `${provider} does not accept our OAuth app (${error.reason}). An administrator must mend it.`
    : `${provider} could not be asked for a new token.${whyNoToken(provider, error)}`
}

/** Twice as long after each failure, spread so that many do not come back together. */
function retryAfterMs(failures: number, asked: number | undefined): number {
  const wait = Math.min(RETRY_MS * 2 ** failures, MOST_RETRY_MS)
  return Math.max(wait * (0.75 + Math.random() / 2), (asked ?? 0) * 1000)
}

function attemptOf(row: Claimed, what: string): Attempt {
  return {
    actor: vaultActor,
    action: 'connection.refresh',
    subject: `grant of ${row.account_login} at ${row.provider}: ${what}`,
    ip: null,
    owner_id: row.owner_id,
    connection_id: row.id,
  }
}
