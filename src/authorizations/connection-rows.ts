import { sql } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import type { Connection, Notice } from '../contract/index.ts'
import type { Db, Trx } from '../store/database.ts'
import { servesPeople } from './serving-client.ts'
import { type StatusFacts, standingAt, statusAt } from './status.ts'

/** Connections without their boxes, each with the runtimes that use it. */
export function connectionRows(db: Db | Trx) {
  return db.selectFrom('connections').select((row) => [
    'connections.id',
    'connections.provider_id',
    'connections.method',
    'connections.status',
    'connections.account_login',
    'connections.account_name',
    'connections.account_email',
    'connections.account_avatar_url',
    'connections.scopes',
    'connections.missing_scopes',
    'connections.expires_at',
    'connections.checked_at',
    'connections.check_requested_at',
    'connections.check_failed_at',
    'connections.check_failed_reason',
    // A runtime's own has them itself; what a person's was tried on is for each runtime.
    'connections.probed_repository',
    'connections.probe_outcome',
    'connections.created_at',
    sql<Date>`now()`.as('now'),
    jsonArrayFrom(
      row
        .selectFrom('authorizations')
        .innerJoin('runtimes', 'runtimes.id', 'authorizations.runtime_id')
        .select(['runtimes.id', 'runtimes.name', 'runtimes.description'])
        .whereRef('authorizations.connection_id', '=', 'connections.id')
        .orderBy('runtimes.natural_order'),
    ).as('runtimes'),
    // In the same statement as the status, which they go with.
    jsonArrayFrom(
      row
        .selectFrom('authorizations')
        .select(['runtime_id', 'probed_repository', 'probe_outcome'])
        .whereRef('authorizations.connection_id', '=', 'connections.id')
        .where('probe_outcome', 'is not', null),
    ).as('probes'),
    jsonArrayFrom(
      row
        .selectFrom('notices')
        .select(['notices.id', 'notices.kind', 'notices.created_at', 'notices.authorization_id'])
        .whereRef('notices.connection_id', '=', 'connections.id')
        .where('notices.ended_at', 'is', null)
        .orderBy('notices.created_at'),
    ).as('notices'),
  ])
}

/**
 * True of a connection that a runtime may use: one that was pasted, or granted to the app by which
 * the runtime is authorized. A runtime's own app is told apart at the Git host for a reason.
 */
export function isForRuntime(row: { runtime_id: string; provider_id: string }) {
  return sql<boolean>`(connections.method = 'token' or exists (
    select from clients k join runtime_providers rp on ${servesPeople('k', 'rp')}
    where k.id = connections.client_row_id
      and rp.runtime_id = ${row.runtime_id} and rp.provider_id = ${row.provider_id}))`
}

/**
 * True of a connection that shows what it may do, or need not, for a runtime: one that does not is
 * taken only where such tokens and grants are tried on a repository, or accepted as they are.
 */
export function isShownEnough(row: { runtime_id: string; provider_id: string }) {
  return sql<boolean>`(connections.status <> 'unverified'
    or exists (select from runtime_providers rp
      where rp.runtime_id = ${row.runtime_id} and rp.provider_id = ${row.provider_id}
        and (rp.skip_validation or rp.probe_repository is not null)))`
}

export type ConnectionRow = Awaited<
  ReturnType<ReturnType<typeof connectionRows>['executeTakeFirstOrThrow']>
>

/** What the authorization that a connection is shown with adds to its status. */
export type AuthorizationLimits = Pick<StatusFacts, 'authorization_expires_at' | 'warning_days'> & {
  runtime_id?: string
}

/** The resource for a row of `connectionRows`. */
export function toConnection(row: ConnectionRow, limits: AuthorizationLimits = {}): Connection {
  const { check_failed_at, check_failed_reason, checked_at } = row
  const probe = row.probes.find(({ runtime_id }) => runtime_id === limits.runtime_id)
  const tried = probe?.probe_outcome === 'not_tried' ? undefined : probe
  const failedLast =
    check_failed_at !== null && (checked_at === null || check_failed_at > checked_at)
  return {
    id: row.id,
    provider_id: row.provider_id,
    method: row.method,
    ...statusAt({ ...row, ...limits, ...probe }, row.now),
    account: {
      login: row.account_login,
      name: row.account_name,
      email: row.account_email,
      avatar_url: row.account_avatar_url === null ? null : `/api/v1/connections/${row.id}/avatar`,
    },
    scopes: row.scopes,
    missing_scopes: row.missing_scopes,
    probed_repository: (tried ?? row).probed_repository,
    expires_at: row.expires_at?.toISOString() ?? null,
    checked_at: checked_at?.toISOString() ?? null,
    check_failed: failedLast
      ? { at: check_failed_at.toISOString(), reason: check_failed_reason ?? '' }
      : null,
    created_at: row.created_at.toISOString(),
    runtimes: row.runtimes,
  }
}

/** The notice that says how the token stands with this authorization, if it needs its owner. */
export function noticeOf(
  row: ConnectionRow,
  authorization: AuthorizationLimits & { authorization_id: string },
): Omit<Notice, 'hidden'> | undefined {
  const probe = row.probes.find(({ runtime_id }) => runtime_id === authorization.runtime_id)
  const { status } = standingAt({ ...row, ...authorization, ...probe }, row.now)
  const about = [null, authorization.authorization_id]
  const found = row.notices.find(
    ({ kind, authorization_id }) => kind === status && about.includes(authorization_id),
  )
  if (found === undefined) return undefined
  const { id, kind, created_at } = found
  return { id, kind, created_at: new Date(created_at).toISOString() }
}
