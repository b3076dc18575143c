import type { ProviderAdapter } from '../providers/provider.ts'
import type { Db } from '../store/database.ts'

/** The scopes that people are asked for: the administrator's choice, or what the kind needs. */
export async function requestedScopes(
  db: Db,
  row: { runtime_id: string; provider_id: string },
  adapter: ProviderAdapter,
): Promise<string[]> {
  const chosen = await db
    .selectFrom('runtime_providers')
    .select('scopes')
    .where('runtime_id', '=', row.runtime_id)
    .where('provider_id', '=', row.provider_id)
    .executeTakeFirst()
  return chosen?.scopes ?? [...adapter.oauth.default_scopes.person]
}
