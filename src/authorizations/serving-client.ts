import { sql } from 'kysely'
import { ProblemError } from '../contract/index.ts'
import { type Db, isBrokenReference } from '../store/database.ts'
import { notOnRuntime } from './candidates.ts'

function column(table: string, name: string) {
  return sql.ref(`${table}.${name}`)
}

/**
 * True of the app by which people authorize a runtime at a provider: the runtime's own where an
 * administrator chose so, or else the provider's default.
 *
 * @param client names `clients` in the query
 * @param row names `runtime_providers` there
 */
export function servesPeople(client: string, row: string) {
  return sql<boolean>`(${column(client, 'provider_id')} = ${column(row, 'provider_id')}
    and ${column(client, 'runtime_id')} is not distinct from
      (case when ${column(row, 'auth_mode')} = 'custom_client'
        then ${column(row, 'runtime_id')} end))`
}

/**
 * True of the apps by which a runtime itself may be authorized, however people do it: its own, which
 * goes first, and the provider's default.
 */
export function servesRuntime(client: string, row: string) {
  return sql<boolean>`(${column(client, 'provider_id')} = ${column(row, 'provider_id')}
    and coalesce(${column(client, 'runtime_id')} = ${column(row, 'runtime_id')}, true))`
}

/**
 * The OAuth2 app by which people authorize a runtime at a provider, or by which the runtime itself is.
 *
 * @throws ProblemError `provider-not-on-runtime`, `oauth-not-offered`, `client-not-registered`
 */
export async function clientFor(
  db: Db,
  request: { runtime_id: string; provider_id: string; for_runtime: boolean },
) {
  const row = await findClient(db, request)
  if (row === undefined) throw notOnRuntime()
  if (row.auth_mode === 'token' && !request.for_runtime) {
    throw new ProblemError('oauth-not-offered', 'Paste a token instead.')
  }
  const { client_row_id, client_id } = row
  if (client_row_id === null || client_id === null) {
    throw new ProblemError(
      'client-not-registered',
      `No OAuth app is registered for ${row.provider}. Ask an administrator to register one.`,
    )
  }
  return { ...row, client_row_id, client_id }
}

/**
 * Why a request that was to be written down could not be: its app, or the row, is gone since it was
 * read.
 *
 * @throws ProblemError those of `clientFor`; otherwise `error`
 */
export async function refuseGone(
  db: Db,
  request: Parameters<typeof clientFor>[1],
  error: unknown,
): Promise<never> {
  if (isBrokenReference(error)) await clientFor(db, request)
  throw error
}

async function findClient(
  db: Db,
  row: { runtime_id: string; provider_id: string; for_runtime: boolean },
) {
  const serves = row.for_runtime ? servesRuntime : servesPeople
  return await db
    .selectFrom('runtime_providers')
    .innerJoin('runtimes', 'runtimes.id', 'runtime_providers.runtime_id')
    .innerJoin('providers', 'providers.id', 'runtime_providers.provider_id')
    .leftJoin('clients', (join) => join.on(serves('clients', 'runtime_providers')))
    .select([
      'auth_mode',
      'runtimes.name as runtime',
      'providers.name as provider',
      'providers.kind',
      'providers.base_url',
      'providers.tenant',
      'clients.id as client_row_id',
      'clients.client_id',
    ])
    .where('runtime_providers.runtime_id', '=', row.runtime_id)
    .where('runtime_providers.provider_id', '=', row.provider_id)
    .orderBy('clients.runtime_id', (own) => own.asc().nullsLast())
    .limit(1)
    .executeTakeFirst()
}
