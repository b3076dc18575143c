import { type RawBuilder, sql } from 'kysely'
import { missingScopes, type ProviderAdapter } from '../providers/provider.ts'
import type { OwnerKind, StoredStatus } from '../store/tables.ts'
import { nextCheck } from './accepted-connection.ts'
import type { Verdict } from './inspect-token.ts'
import type { Probed } from './probe-runtimes.ts'
import { lifetimeOf, secondsLeft, type TokenSet } from './token-set.ts'

/** The columns of a connection that a check changes. */
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

/** What was known before the check. `now`: by the database's clock. */
interface Known {
  method: 'oauth' | 'token'
  owner_kind: OwnerKind
  scopes: string[]
  expires_at: Date | null
  access_expires_at: Date | null
  refresh_due_at: Date | null
  now: Date
}

/**
 * What a check changes. Pure, but for how the next one is spread.
 *
 * @param verdict undefined: the token cannot be read any more, so nobody was asked
 */
export function changeAfter(
  verdict: Verdict | undefined,
  known: {
    row: Known
    adapter: ProviderAdapter
    tokens: TokenSet | undefined
    probes: readonly Probed[]
  },
): Change {
  const { row, adapter, tokens, probes } = known
  const asked =
    verdict === undefined ? unreadable() : changeFor(withScopesAsMade(verdict, row, adapter), row)
  return { ...asked, ...endOfGrant(verdict, row, tokens), ...notAnswered(probes) }
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
