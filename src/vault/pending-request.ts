import { sql } from 'kysely'
import { tokenOwner } from '../authorizations/place-connection.ts'
import type { AuthorizationRequest } from '../contract/index.ts'
import type { Db } from '../store/database.ts'

/** An authorization that is not finished, with all that a vault needs to go on with it. */
export type PendingRequest = NonNullable<Awaited<ReturnType<typeof loadRequest>>>

/** Reads a request; undefined when it is in none of these states, or gone. */
export async function loadRequest(
  db: Db,
  id: string,
  statuses: readonly AuthorizationRequest['status'][],
) {
  const row = await db
    .selectFrom('authorization_requests as request')
    .innerJoin('clients', 'clients.id', 'request.client_row_id')
    .innerJoin('providers', 'providers.id', 'request.provider_id')
    .innerJoin('runtimes', 'runtimes.id', 'request.runtime_id')
    .innerJoin('people', 'people.id', 'request.owner_id')
    .leftJoin('runtime_providers', (join) =>
      join
        .onRef('runtime_providers.runtime_id', '=', 'request.runtime_id')
        .onRef('runtime_providers.provider_id', '=', 'request.provider_id'),
    )
    .select([
      'request.id',
      'request.owner_id',
      'request.for_runtime',
      'request.runtime_id',
      'request.provider_id',
      'request.client_row_id',
      'clients.client_id',
      'clients.client_secret_box',
      'clients.updated_at as client_updated_at',
      'request.redirect_uri',
      'request.code_box',
      'request.code_verifier_box',
      'request.token_set_box',
      'request.confirmed',
      'runtime_providers.probe_repository',
      sql<boolean>`coalesce(runtime_providers.skip_validation, false)`.as('skip_validation'),
      'request.status',
      'request.device_code_box',
      'request.poll_interval',
      'request.scopes',
      'request.created_at',
      'request.expires_at',
      'request.ip',
      'providers.kind',
      'providers.base_url',
      'providers.tenant',
      'providers.private_address_confirmed',
      'providers.name as provider',
      'runtimes.name as runtime',
      'people.email as person',
      sql<Date>`now()`.as('now'),
    ])
    .select(sql<boolean>`request.flow = 'device'`.as('device_flow'))
    .where('request.id', '=', id)
    .where('request.status', 'in', statuses)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return {
    ...row,
    /** Whose the token becomes. */
    ...tokenOwner(row),
    /** Who authorized, and hears how it went. */
    person_id: row.owner_id,
  }
}
