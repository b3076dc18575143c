import { sql } from 'kysely'
import { announceToken } from '../authorizations/announce-token.ts'
import { settleNotices } from '../authorizations/notices.ts'
import { TokenEndpointError } from '../oauth/token-endpoint.ts'
import { type Attempt, decide, vaultActor } from '../policy/decide.ts'
import { adapterFor } from '../providers/adapters.ts'
import { ProviderUnavailable } from '../providers/provider.ts'
import type { Db } from '../store/database.ts'
import type { OwnerKind } from '../store/tables.ts'
import { nextCheck } from './accepted-connection.ts'
import { changeAfter } from './check-change.ts'
import { inspectToken, type Verdict } from './inspect-token.ts'
import { OvertakenError } from './overtaken-error.ts'
import { probeForRuntimes, writeProbes } from './probe-runtimes.ts'
import type { ProviderLimits } from './provider-limits.ts'
import { USUAL_LIMIT } from './provider-pace.ts'
import type { Refresher } from './refresh.ts'
import { tokensIn } from './token-set.ts'
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
  const change = changeAfter(verdict, { row, adapter, tokens, probes })
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
    if (verdict.outcome !== 'unavailable') return verdict
    const { retry_after, of_account } = verdict.error
    // Where only this account is to wait, its own next check does.
    if (retry_after !== undefined && !of_account) await check_limits.pause(provider_id, retry_after)
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
