import { ProblemError, type ProviderKind } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import { missingScopes, type ProviderAdapter } from '../providers/provider.ts'
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

/**
 * Turns away a list of scopes with which each person's authorization would be turned down later.
 * Where a kind's grants name them otherwise than its tokens, nobody can say that beforehand.
 *
 * @throws ProblemError `scopes-too-few`
 */
export function refuseTooFewScopes(kind: ProviderKind, scopes: readonly string[]): void {
  const adapter = adapterFor(kind)
  const usual = adapter.oauth.default_scopes.person
  if (missingScopes(adapter, usual).length > 0) return
  const missing_scopes = missingScopes(adapter, scopes)
  if (missing_scopes.length === 0) return
  throw new ProblemError(
    'scopes-too-few',
    `Every authorization would be turned down: ${missing_scopes.join(' and ')} ` +
      `${missing_scopes.length === 1 ? 'is' : 'are'} missing. The usual scopes are ${usual.join(' ')}.`,
    { extensions: { missing_scopes } },
  )
}
