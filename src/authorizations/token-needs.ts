import type { AccessDetail, ProviderSummary } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import { withReasons } from '../providers/scope-reasons.ts'
import type { Db } from '../store/database.ts'
import { requestedScopes } from './requested-scopes.ts'
import { currentVaultKey } from './vault-key.ts'

type TokenNeeds = Pick<
  AccessDetail,
  | 'vault_key'
  | 'required_scopes'
  | 'requested_scopes'
  | 'token_page'
  | 'probe_repository'
  | 'revocation'
>

/**
 * What a token for a row must be like, where to make and end it, and what seals it.
 *
 * @param person_id whose it becomes; null: the runtime's own
 */
export async function tokenNeeds(
  db: Db,
  row: { runtime_id: string; provider_id: string },
  provider: Pick<ProviderSummary, 'kind' | 'base_url'>,
  person_id: string | null,
): Promise<TokenNeeds> {
  const owner = person_id === null ? 'runtime' : 'person'
  const adapter = adapterFor(provider.kind)
  const pages = adapter.pages(provider.base_url, owner)
  const settings = await db
    .selectFrom('runtime_providers')
    .select('probe_repository')
    .where('runtime_id', '=', row.runtime_id)
    .where('provider_id', '=', row.provider_id)
    .executeTakeFirst()
  return {
    vault_key: await currentVaultKey(db),
    required_scopes: [...adapter.required_scopes[owner]],
    requested_scopes: withReasons(
      adapter,
      await requestedScopes(db, row, adapter, person_id),
      owner,
    ),
    token_page: { url: pages.new_token, scopes_filled_in: pages.scopes_filled_in },
    probe_repository: settings?.probe_repository ?? null,
    revocation: {
      token_page: pages.tokens,
      grant_page: pages.grants,
      grants_revoked: adapter.oauth.revoke !== undefined,
    },
  }
}
