import { type RawBuilder, sql } from 'kysely'
import { announceToken } from '../authorizations/announce-token.ts'
import { settleNotices } from '../authorizations/notices.ts'
import { TokenEndpointError } from '../oauth/token-endpoint.ts'
import { type Attempt, decide, vaultActor } from '../policy/decide.ts'
import { adapterFor } from '../providers/adapters.ts'
import { missingScopes, type ProviderAdapter, ProviderUnavailable } from '../providers/provider.ts'
import type { Db } from '../store/database.ts'
import type { OwnerKind, StoredStatus } from '../store/tables.ts'
import { nextCheck } from './accepted-connection.ts'
import { inspectToken, type Verdict } from './inspect-token.ts'
import { OvertakenError } from './overtaken-error.ts'
import { type Probed, probeForRuntimes, writeProbes } from './probe-runtimes.ts'
import type { ProviderLimits } from './provider-limits.ts'
import { USUAL_LIMIT } from './provider-pace.ts'
import type { Refresher } from './refresh.ts'
import { lifetimeOf, secondsLeft, type TokenSet, tokensIn } from './token-set.ts'
import type { VaultParts } from './vault-parts.ts'

export type CheckParts = VaultParts & {
  refresher: Refresher
  /** Of checks; the refresher has its own. */
  check_limits: ProviderLimits
}

/**
 * Asks the Git host about a connection's token and notes the answer. No answer changes nothing but
 * the note that there was none; an answer about a token that was replaced meanwhile is dropped, and
 * it is asked once more about the one that there is.
 */
export async function checkConnection(parts: CheckParts, id: string): Promise<void> {
  const overtaken = (await checkOnce(parts, id)) && (await checkOnce(parts, id))
  if (overtaken) await endCheck(parts.db, overtaken)
}

/** Whose check ends, and of which token set. */
interface Checked {
  id: string
  owner_id: string
  owner_kind: OwnerKind
  version: number
  /** Of the Git host. */
  name: string
}

/** @returns what was asked about, when the answer is about a token that was replaced meanwhile */
async function checkOnce(
  parts: CheckParts,
  id: string,
  refreshed?: true,
): Promise<Checked | undefined> {
  const { db, keyring, outbound } = parts
  const row = await db
    .selectFrom('connections')
    .innerJoin('providers', 'providers.id', 'connections.provider_id')
    .select([
      'connections.id',
      'connections.owner_id',
      'connections.owner_kind',
      'connections.provider_id',
      'connections.method',
      'connections.box',
      'connections.version',
      'connections.status',
      'connections.scopes',
      'connections.expires_at',
      'connections.access_expires_at',
      'connections.refresh_due_at',
      'connections.account_login',
      'connections.check_requested_at',
      'providers.kind',
      'providers.name',
      'providers.base_url',
      'providers.private_address_confirmed',
      sql<Date>`now()`.as('now'),
    ])
    .where('connections.id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { owner_id, owner_kind } = row
  // A grant that is over stays over, although its access token may live on at the host for a while.
  if (row.status === 'reauthorization_required') return await endCheck(db, row)
  const tokens = await tokensIn(keyring, row)
  const adapter = adapterFor(row.kind)
  const http = outbound.to(row, adapter.origins(row.base_url))
  const credential = {
    method: row.method,
    token: tokens?.access_token ?? '',
    login: row.account_login,
  }
  const verdict =
    tokens === undefined
      ? undefined
      : await whenAllowed(parts, row, () => inspectToken(adapter, http, credential, owner_kind))
  if (row.method === 'oauth' && isBad(verdict) && refreshed === undefined) {
    // An access token that ended is no news; whether the grant did is for the refresh to say.
    const outcome = await parts.refresher.refresh(id, row.version, 'checked')
    if (outcome === 'refreshed') return checkOnce(parts, id, true)
    return await endCheck(db, row)
  }
  const hidden = hidesScopes(verdict)
  const probes = hidden ? await probeForRuntimes(db, adapter, http, credential, row.name, id) : []
  const asked =
    verdict === undefined ? unreadable() : changeFor(withScopesAsMade(verdict, row, adapter), row)
  const change = { ...asked, ...endOfGrant(verdict, row, tokens), ...notAnswered(probes) }
  const attempt: Attempt = {
    actor: vaultActor,
    action: 'connection.status',
    subject: [
      `token of ${row.account_login} at ${row.name}: ${change.status ?? 'could not be checked'}`,
      ...new Set(probes.map(({ repository, outcome }) => `${outcome} ${repository}`)),
    ].join(', '),
    ip: null,
    ...(verdict === undefined ? { reason: 'credential-unreadable' } : {}),
    owner_id,
    connection_id: id,
  }
  try {
    await decide(db, attempt, async (trx) => {
      const { numUpdatedRows } = await trx
        .updateTable('connections')
        .set({ ...change, check_requested_at: null })
        .where('id', '=', id)
        .where('version', '=', row.version)
        .where('status', '!=', 'reauthorization_required')
        .executeTakeFirst()
      if (numUpdatedRows === 0n) throw new OvertakenError()
      if (verdict?.outcome === 'accepted') await writeProbes(trx, id, hidden, probes)
      await settleNotices(trx, id)
      await announceToken(trx, { id, owner_id, owner_kind })
    })
    return undefined
  } catch (error) {
    if (error instanceof OvertakenError) return row
    throw error
  }
}

/**
 * Asks when it is our turn at the host; at once where somebody asked for it and waits. A host that
 * wants to be left alone is left alone by all checks that nobody asked for, and goes on to be asked
 * for newer tokens: it counts these apart, and what the API allows by person.
 */
async function whenAllowed(
  { check_limits }: CheckParts,
  row: { provider_id: string; name: string; check_requested_at: Date | null },
  ask: () => Promise<Verdict>,
): Promise<Verdict> {
  const { provider_id, name, check_requested_at } = row
  if (check_requested_at !== null) return await ask()
  try {
    const turn = { provider_id, limit: USUAL_LIMIT, urgent: false }
    const verdict = await check_limits.run(turn, ask)
    const wait = verdict.outcome === 'unavailable' ? verdict.error.retry_after : undefined
    if (wait !== undefined) await check_limits.pause(provider_id, wait)
    return verdict
  } catch (error) {
    if (!(error instanceof TokenEndpointError)) throw error
    return { outcome: 'unavailable', error: leftAlone(name, error) }
  }
}

function leftAlone(provider: string, cause: TokenEndpointError): ProviderUnavailable {
  const { retry_after } = cause
  return new ProviderUnavailable(`${provider} asks us to wait before asking again.`, {
    cause,
    ...(retry_after === undefined ? {} : { retry_after }),
  })
}

function hidesScopes(verdict: Verdict | undefined): boolean {
  return verdict?.outcome === 'accepted' && verdict.inspection.scopes === null
}

/** A grant whose scopes the host does not show has those that were said when it was made. */
function withScopesAsMade(
  verdict: Verdict,
  {
    method,
    scopes,
    owner_kind,
  }: { method: 'oauth' | 'token'; scopes: string[]; owner_kind: OwnerKind },
  adapter: ProviderAdapter,
): Verdict {
  if (verdict.outcome !== 'accepted' || verdict.inspection.scopes !== null) return verdict
  if (method !== 'oauth' || scopes.length === 0) return verdict
  const inspection = { ...verdict.inspection, scopes }
  return { ...verdict, inspection, missing_scopes: missingScopes(adapter, scopes, owner_kind) }
}

function isBad(verdict: Verdict | undefined): boolean {
  return verdict?.outcome === 'refused' && verdict.why === 'bad_credential'
}

/**
 * Notes when a refresh told how a grant stands; whoever asked waits for this time to change. Of a
 * grant that is over, nothing more is due; otherwise nothing was learned. Nobody waits any longer,
 * also where the token was replaced meanwhile: later checks are put off for who waits.
 */
async function endCheck(db: Db, row: Checked): Promise<undefined> {
  const over = sql`status = 'reauthorization_required'`
  const reason = `${row.name} could not be asked for a new token.`
  await db.transaction().execute(async (trx) => {
    await trx
      .updateTable('connections')
      .set({ check_requested_at: null })
      .where('id', '=', row.id)
      .execute()
    await trx
      .updateTable('connections')
      .set({
        checked_at: sql<Date | null>`case when ${over} then now() else checked_at end`,
        check_failed_at: sql<Date | null>`case when ${over} then null else now() end`,
        check_failed_reason: sql<string | null>`case
          when ${over} then null else coalesce(check_failed_reason, ${reason}) end`,
        check_due_at: sql<Date | null>`case
          when ${over} then null else ${nextCheck('unavailable')} end`,
      })
      .where('id', '=', row.id)
      .where('version', '=', row.version)
      .execute()
    await announceToken(trx, row)
  })
}

interface Change {
  status?: StoredStatus
  scopes?: string[]
  missing_scopes?: string[]
  account_login?: string
  account_name?: string
  account_email?: string | null
  account_avatar_url?: string | null
  expires_at?: Date | null
  access_expires_at?: Date | null
  refresh_due_at?: Date | null
  checked_at?: RawBuilder<Date>
  check_due_at?: RawBuilder<Date>
  check_failed_at?: RawBuilder<Date> | null
  check_failed_reason?: string | null
}

/** Nothing was learned about the token, so its status stays; the vault hands out none like it. */
function unreadable(): Change {
  const check_failed_reason = 'The token was damaged where it is stored. Replace it.'
  const check_due_at = nextCheck('unavailable')
  return { check_failed_at: sql<Date>`now()`, check_failed_reason, check_due_at }
}

/** Where a repository could not be asked about, the row says so, and it is asked again sooner. */
function notAnswered(probes: readonly Probed[]): Change {
  const reason = probes.find(({ failed }) => failed !== undefined)?.failed
  if (reason === undefined) return {}
  // A moment later than `checked_at`: the account was told, the repository was not.
  const check_failed_at = sql<Date>`now() + interval '1 millisecond'`
  return { check_failed_at, check_failed_reason: reason, check_due_at: nextCheck('unavailable') }
}

function changeFor(
  verdict: Verdict,
  known: { method: 'oauth' | 'token'; expires_at: Date | null },
): Change {
  const now = sql<Date>`now()`
  if (verdict.outcome === 'unavailable') {
    return {
      check_failed_at: now,
      check_failed_reason: verdict.error.message,
      check_due_at: nextCheck('unavailable', verdict.error.retry_after),
    }
  }
  const answered = {
    checked_at: now,
    check_failed_at: null,
    check_failed_reason: null,
    check_due_at: nextCheck('answered'),
  }
  if (verdict.outcome === 'refused') return { ...answered, status: 'rejected' }
  const { missing_scopes } = verdict
  if (verdict.outcome === 'scopes_missing') {
    return { ...answered, status: 'insufficient_scopes', scopes: verdict.scopes, missing_scopes }
  }
  const { account, scopes, expires_at } = verdict.inspection
  return {
    ...answered,
    status: statusFor(scopes, missing_scopes),
    scopes: scopes ?? [],
    missing_scopes,
    account_login: account.login,
    account_name: account.name,
    account_email: account.email,
    account_avatar_url: account.avatar_url,
    // Of a grant the host tells when the access token ends; the next refresh gives another one.
    expires_at: known.method === 'oauth' ? known.expires_at : (expires_at ?? known.expires_at),
  }
}

/** When a grant's access token ends, where the token endpoint did not say it and the host does now. */
function endOfGrant(
  verdict: Verdict | undefined,
  known: {
    method: 'oauth' | 'token'
    access_expires_at: Date | null
    refresh_due_at: Date | null
    now: Date
  },
  tokens: TokenSet | undefined,
): Change {
  if (known.method !== 'oauth' || known.access_expires_at !== null) return {}
  if (verdict?.outcome !== 'accepted' || tokens === undefined) return {}
  const expires_in = secondsLeft(verdict.inspection, known.now)
  if (expires_in === null) return {}
  const answer = { ...tokens, expires_in, refresh_token_expires_in: null }
  const { access_expires_at, expires_at, refresh_due_at } = lifetimeOf(
    answer,
    known.now,
    Math.random(),
  )
  return {
    access_expires_at,
    ...(tokens.refresh_token === null ? { expires_at } : {}),
    refresh_due_at: known.refresh_due_at ?? refresh_due_at,
  }
}

function statusFor(scopes: string[] | null, missing: readonly string[]): StoredStatus {
  if (scopes === null) return 'unverified'
  return missing.length === 0 ? 'valid' : 'insufficient_scopes'
}
