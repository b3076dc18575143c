import { sql } from 'kysely'

/**
 * True of the app by which people authorize a runtime at a provider: the runtime's own where an
 * administrator chose so, or else the provider's default.
 *
 * @param client names `clients` in the query
 * @param row names `runtime_providers` there
 */
export function servesRow(client: string, row: string) {
  const column = (table: string, name: string) => sql.ref(`${table}.${name}`)
  return sql<boolean>`(${column(client, 'provider_id')} = ${column(row, 'provider_id')}
    and ${column(client, 'runtime_id')} is not distinct from
      (case when ${column(row, 'auth_mode')} = 'custom_client'
        then ${column(row, 'runtime_id')} end))`
}
