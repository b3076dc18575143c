import type { ProviderAdapter } from '../providers/provider.ts'
import type { Db } from '../store/database.ts'
import type { OwnerKind } from '../store/tables.ts'

/**
 * The scopes to ask for: of people, the administrator's choice, or else what the kind needs; for a
 * runtime's own token, what the kind needs for that.
 */
export async function requestedScopes(
  db: Db,
  row: { runtime_id: string; provider_id: string },
  adapter: ProviderAdapter,
  owner: OwnerKind,
): Promise<string[]> {
  if (owner === 'runtime') return [...adapter.oauth.default_scopes.runtime]
  const chosen = await db
    .selectFrom('runtime_providers')
    .select('scopes')
    .where('runtime_id', '=', row.runtime_id)
    .where('provider_id', '=', row.provider_id)
    .executeTakeFirst()
  return chosen?.scopes ?? [...adapter.oauth.default_scopes.person]
}
