import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Logger } from 'pino'
import { announceToken } from '../authorizations/announce-token.ts'
import { settleNotices } from '../authorizations/notices.ts'
import { callbackPath } from '../contract/index.ts'
import type { NextChange } from '../events/next-change.ts'
import {
  refresh as askForRefresh,
  readTokenAnswer,
  type TokenAnswer,
  TokenEndpointError,
} from '../oauth/token-endpoint.ts'
import { type Attempt, decide, vaultActor } from '../policy/decide.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { Outbound } from '../providers/http.ts'
import { type Db, isDatabaseAway } from '../store/database.ts'
import type { StoredStatus } from '../store/tables.ts'
import { endpointOf } from './client-endpoint.ts'
import { noteClientFault, noteClientWorks } from './client-health.ts'
import type { Keyring } from './keyring.ts'
import { endKept, endLate } from './late-tokens.ts'
import type { ProviderLimits } from './provider-limits.ts'
import { limitOf } from './provider-pace.ts'
import { type Claimed, claim, claimedRow, outcomeSoFar, renewClaim } from './refresh-claim.ts'
import type { JournalEntry, JournalPlace, RefreshJournal } from './refresh-journal.ts'
import {
  lifetimeOf,
  readTokenSet,
  type TokenSet,
  tokenSetAddress,
  tokenSetText,
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

export interface Refresher {
  /**
   * Brings a connection past `version`. Callers in this process share one call; other vaults wait
   * for the one that has the claim.
   *
   * @param urgent somebody is waiting: goes before what is done ahead of time
   */
  refresh(connection_id: string, version: number, urgent: boolean): Promise<RefreshOutcome>
  /** Brings answers into the database that an earlier process could not. */
  replay(): Promise<void>
}

export interface RefreshParts {
  db: Db
  keyring: Keyring
  outbound: Outbound
  journal: RefreshJournal
  limits: ProviderLimits
  /** The address of the pages now; a grant may be from before it was this one. */
  page_url: string
  /** A claim whose holder died is taken over after this long; longer than a call may take. */
  claim_seconds: number
  /** Happens when a connection was changed by anybody, or after a while. */
  nextChange: (connection_id: string, ms: number) => NextChange
  log: Logger
}

/** How long to wait for another vault's refresh before looking again. */
const WAIT_MS = 5_000
/** A refresh that nothing came of is tried again after at least this long, then ever longer. */
const RETRY_MS = 15_000
const MOST_RETRY_MS = 30 * 60_000

export function createRefresher(parts: RefreshParts): Refresher {
  const { db, journal, log, claim_seconds } = parts
  const holder = randomUUID()
  const underway = new Map<string, Promise<RefreshOutcome>>()

  function refresh(
    connection_id: string,
    version: number,
    urgent: boolean,
  ): Promise<RefreshOutcome> {
    const shared = underway.get(connection_id)
    if (shared !== undefined) return shared
    const own = bringNext(connection_id, version, urgent).finally(() =>
      underway.delete(connection_id),
    )
    underway.set(connection_id, own)
    return own
  }

  async function bringNext(id: string, version: number, urgent: boolean): Promise<RefreshOutcome> {
    const kept = journal.find({ connection_id: id, version })
    // The database has not seen this answer yet, and what was asked with is used up.
    if (kept !== undefined) await bringHome(kept)
    return await bringPast(id, version, urgent)
  }

  async function bringPast(id: string, version: number, urgent: boolean): Promise<RefreshOutcome> {
    const give_up_at = performance.now() + claim_seconds * 1000 + WAIT_MS
    for (;;) {
      // Listening begins before looking, so that no change falls in between.
      using change = parts.nextChange(id, WAIT_MS)
      const claimed = await claim(parts, id, version, holder)
      if (claimed !== undefined) {
        const own = await refreshClaimed(parts, claimed, holder, urgent)
        if (own !== 'overtaken') return own
      }
      const outcome = await outcomeSoFar(db, id, version)
      if (outcome !== undefined) return outcome
      if (performance.now() > give_up_at) return 'unavailable'
      await change.happened
    }
  }

  async function bringHome(entry: JournalEntry): Promise<void> {
    const row = await claimedRow(db, entry.connection_id, entry.version)
    const answer = await answerIn(entry)
    if (answer !== undefined) {
      const granted = { answer, asked_at: new Date(entry.asked_at) }
      if (row === undefined) await endKept(parts, entry.connection_id, answer)
      else await store(parts, row, granted)
      log.info({ connection_id: entry.connection_id }, 'a refresh was brought home')
    }
    removeOrLog(parts, entry)
  }

  return {
    refresh,
    async replay() {
      for (const entry of pendingOrLog(parts)) {
        try {
          await bringHome(entry)
        } catch (error) {
          if (isDatabaseAway(error)) throw error
          // One that cannot be brought home keeps none of the others from it.
          log.error({ err: error, connection_id: entry.connection_id }, 'a refresh stays on disk')
        }
      }
    },
  }
}

/** The token set in a kept answer; undefined for one that said no, or nothing, with status 200. */
async function answerIn(entry: JournalEntry): Promise<TokenAnswer | undefined> {
  const headers = { 'content-type': 'application/json' }
  return await readTokenAnswer(new Response(entry.answer, { headers })).catch((error: unknown) => {
    if (error instanceof TokenEndpointError) return undefined
    throw error
  })
}

interface Granted {
  answer: TokenAnswer
  /** By the database's clock, as all times that are stored. */
  asked_at: Date
}

/** One call at the token endpoint, that nothing cancels, and what follows from it. */
async function refreshClaimed(
  parts: RefreshParts,
  row: Claimed,
  holder: string,
  urgent: boolean,
): Promise<RefreshOutcome | 'overtaken'> {
  let granted: Granted | undefined
  try {
    const tokens = await openTokenSet(parts.keyring, row)
    const turn = { provider_id: row.provider_id, limit: limitOf(row.kind), urgent }
    granted = await parts.limits.run(turn, async () => {
      const asked_at = await renewClaim(parts.db, row, holder)
      if (asked_at === undefined) return undefined
      return { asked_at, answer: await ask(parts, row, tokens, asked_at) }
    })
    if (granted === undefined) return 'overtaken'
  } catch (error) {
    parts.log.warn({ err: error, connection_id: row.id }, 'a refresh did not succeed')
    if (error instanceof TokenEndpointError) return await conclude(parts, row, error)
    await conclude(parts, row, new TokenEndpointError('transient', { cause: error }))
    throw error
  }
  let outcome: RefreshOutcome
  try {
    outcome = await store(parts, row, granted)
  } catch (error) {
    if (!isDatabaseAway(error)) throw error
    // The journal has the answer; `replay` brings it home when the database is back.
    parts.log.warn({ err: error, connection_id: row.id }, 'a refresh waits for the database')
    return 'unavailable'
  }
  removeOrLog(parts, { connection_id: row.id, version: row.version })
  return outcome
}

async function ask(
  parts: RefreshParts,
  row: Claimed,
  tokens: TokenSet,
  asked_at: Date,
): Promise<TokenAnswer> {
  const { keyring, outbound, journal, limits, log } = parts
  const { oauth, origins } = adapterFor(row.kind)
  const http = outbound.to(row, origins(row.base_url))
  const endpoint = await endpointOf(keyring, row, async (url, init) => {
    const answer = await http.fetch(url, init)
    const { status, headers } = answer
    const body = await answer.text()
    // From here on the old refresh token may be dead: the new one goes to disk at once.
    if (answer.ok) {
      const { id: connection_id, version } = row
      const entry = { connection_id, version, asked_at: asked_at.getTime(), answer: body }
      journalOrLog(journal, log, entry)
    }
    return new Response(body, { status, headers })
  })
  const repeated = {
    redirect_uri: row.redirect_uri ?? parts.page_url + callbackPath(row.provider_id),
    scope: (row.requested_scopes ?? oauth.default_scopes[row.owner_kind]).join(' '),
  }
  const more = Object.fromEntries(oauth.refresh_repeats.map((name) => [name, repeated[name]]))
  try {
    if (tokens.refresh_token === null) throw new TokenEndpointError('permanent', {})
    return await askForRefresh(endpoint, tokens.refresh_token, more)
  } catch (error) {
    removeOrLog(parts, { connection_id: row.id, version: row.version })
    if (error instanceof TokenEndpointError && error.retry_after !== undefined) {
      await limits.pause(row.provider_id, error.retry_after)
    }
    throw error
  }
}

/** A full disk must not stop the answer from reaching the database. */
function journalOrLog(journal: RefreshJournal, log: Logger, entry: JournalEntry): void {
  try {
    journal.write(entry)
  } catch (error) {
    log.error({ err: error }, 'the refresh journal cannot be written')
  }
}

/** A disk that cannot be read must not stop what is due in the background. */
function pendingOrLog({ journal, log }: RefreshParts): JournalEntry[] {
  try {
    return journal.pending()
  } catch (error) {
    log.error({ err: error }, 'the refresh journal cannot be read')
    return []
  }
}

/** What stays behind counts only for a version that is over. */
function removeOrLog({ journal, log }: RefreshParts, place: JournalPlace): void {
  try {
    journal.remove(place)
  } catch (error) {
    log.error({ err: error }, 'a file of the refresh journal cannot be removed')
  }
}

async function openTokenSet(keyring: Keyring, row: Claimed): Promise<TokenSet> {
  return readTokenSet(await keyring.open(tokenSetAddress(row), row.box))
}

/**
 * The next version of the token set, with everything that follows from it, in one transaction. When
 * the connection was deleted while the provider answered, what came is over, and the provider is told.
 */
async function store(
  parts: RefreshParts,
  row: Claimed,
  { answer, asked_at }: Granted,
): Promise<'refreshed' | 'gone'> {
  const { keyring, db } = parts
  const before = await openTokenSet(keyring, row)
  const tokens = {
    access_token: answer.access_token,
    refresh_token: answer.refresh_token ?? before.refresh_token,
  }
  const box = await keyring.seal(tokenSetAddress(row), tokenSetText(tokens))
  const lifetime = lifetimeOf({ ...answer, ...tokens }, asked_at, Math.random())
  try {
    await decide(db, attemptOf(row, 'refreshed'), async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable('connections')
        .set({
          box,
          fingerprint: keyring.fingerprint(tokens.access_token),
          version: sql<number>`version + 1`,
          ...lifetime,
          // What the answer did not say, the host may say when it is asked about the token.
          ...(lifetime.access_expires_at === null ? { check_due_at: sql<Date>`now()` } : {}),
          status: sql<StoredStatus>`case
            when status in ('rejected', 'reauthorization_required') then 'valid' else status end`,
          refresh_claimed_by: null,
          refresh_claimed_at: null,
          refresh_failures: 0,
          check_failed_at: null,
          check_failed_reason: null,
        })
        .where('id', '=', row.id)
        .where('version', '=', row.version)
        .executeTakeFirst()
      if (numUpdatedRows === 0n) throw new NotStoredError()
      if (row.client_outcome === 'failed') await noteClientWorks(trx, row)
      await settleNotices(trx, row.id)
      await announceToken(trx, row)
    })
    return 'refreshed'
  } catch (error) {
    if (!(error instanceof NotStoredError)) throw error
    return await decide(db, attemptOf(row, 'too late'), (trx) => endLate(trx, row, box))
  }
}

/** Nothing is audited as refreshed that was not. */
class NotStoredError extends Error {
  override readonly name = 'NotStoredError'
}

/** Writes down that a refresh gave nothing, and when to try again, if ever. */
async function conclude(
  { db }: RefreshParts,
  row: Claimed,
  error: TokenEndpointError,
): Promise<RefreshOutcome> {
  const outcome = (
    { permanent: 'gone', misconfigured: 'misconfigured', transient: 'unavailable' } as const
  )[error.outcome]
  const wait = retryAfterMs(row.refresh_failures, error.retry_after) / 1000
  const gone = outcome === 'gone'
  return await decide(db, { ...attemptOf(row, outcome), reason: error.reason }, async (trx) => {
    const changed = await trx
      .updateTable('connections')
      .set({
        refresh_claimed_by: null,
        refresh_claimed_at: null,
        refresh_failures: row.refresh_failures + 1,
        refresh_due_at: gone ? null : sql<Date>`now() + make_interval(secs => ${wait})`,
        ...(gone ? { status: 'reauthorization_required' as const } : {}),
        check_failed_at: gone ? null : sql<Date>`now()`,
        check_failed_reason: gone ? null : failureSentence(row.provider, error),
      })
      .where('id', '=', row.id)
      .where('version', '=', row.version)
      .executeTakeFirst()
    if (gone) await settleNotices(trx, row.id)
    if (outcome === 'misconfigured') await noteClientFault(trx, row, error.reason)
    await announceToken(trx, row)
    // The version moved on while we asked: somebody authorized anew, and nothing is lost.
    return changed.numUpdatedRows === 0n ? 'refreshed' : outcome
  })
}

function failureSentence(provider: string, error: TokenEndpointError): string {
  return error.outcome === 'misconfigured'
    ? `${provider} does not accept our OAuth app (${error.reason}). An administrator must mend it.`
    : `${provider} could not be asked for a new token.`
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
