import { randomUUID } from 'node:crypto'
import type { ProviderKind } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { OAuthTokens } from '../providers/provider.ts'
import type { Trx } from '../store/database.ts'
import { type EndedGrant, keepRevocation } from './keep-revocation.ts'
import type { Keyring } from './keyring.ts'
import { tokenSetAddress, tokenSetText, tokensIn } from './token-set.ts'

/** A connection before it was replaced, with its app, where another is in that one's place now. */
export interface Replaced {
  id: string
  box: string
  account_login: string
  former_client_id: string | null
  former_client_secret_box: string | null
}

/** Whose a grant is, and of which app, as its revocation keeps it. */
type Owner = Omit<EndedGrant, 'row_id' | 'connection_id' | 'account_login' | 'box'> & {
  kind: ProviderKind
}

/**
 * Has the provider told that the tokens of a grant are over that a newer one of the same person and
 * app has taken the place of: somebody may have authorized again because they leaked.
 *
 * @param before the connection as it was
 * @param next what is used from now on, which must live on
 */
export async function endReplaced(
  trx: Trx,
  keyring: Keyring,
  owner: Owner,
  before: Replaced,
  next: OAuthTokens,
): Promise<void> {
  if (adapterFor(owner.kind).oauth.revoke === undefined) return
  const { owner_id, provider_id } = owner
  const owned = { owner_id, provider_id }
  const tokens = await tokensIn(keyring, { id: before.id, ...owned, box: before.box })
  if (tokens === undefined) return
  const { access_token, refresh_token } = tokens
  const same = refresh_token !== null && refresh_token === next.refresh_token
  // Some hosts give the same token again.
  if (same || access_token === next.access_token) return
  const id = randomUUID()
  const box = await keyring.seal(tokenSetAddress({ id, ...owned }), tokenSetText(tokens))
  const { account_login } = before
  const { former_client_id: client_id, former_client_secret_box: client_secret_box } = before
  const now = { client_id: owner.client_id, client_secret_box: owner.client_secret_box }
  const client = client_id === null ? now : { client_id, client_secret_box }
  await keepRevocation(trx, { ...owner, ...client, row_id: id, account_login, box })
}
