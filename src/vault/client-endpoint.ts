import type { ProviderKind } from '../contract/index.ts'
import { type TokenEndpoint, TokenEndpointError, type TokenFetch } from '../oauth/token-endpoint.ts'
import { adapterFor } from '../providers/adapters.ts'
import { clientSecretAddress } from '../registrations/clients.ts'
import type { Keyring } from './keyring.ts'
import type { ProviderLimits } from './provider-limits.ts'
import { limitOf } from './provider-pace.ts'

/** A client with its provider, as the database has them. */
export interface ClientRow {
  client_row_id: string
  client_id: string
  /** Null: a public client has no secret. */
  client_secret_box: string | null
  provider_id: string
  kind: ProviderKind
  base_url: string
  tenant: string | null
  /** The grant comes, or came, by device flow: some hosts then want the client to say who it is otherwise. */
  device_flow?: boolean
}

/** The token endpoint of a client's provider, ready to be asked as that client. */
export async function endpointOf(
  keyring: Keyring,
  row: ClientRow,
  fetch: TokenFetch,
): Promise<TokenEndpoint> {
  const { oauth } = adapterFor(row.kind)
  const { issuer, token_endpoint } = oauth.server(row.base_url, row.tenant)
  const address = clientSecretAddress({ id: row.client_row_id, provider_id: row.provider_id })
  const { client_secret_box: box } = row
  const client_secret = box === null ? null : await keyring.open(address, box)
  return {
    issuer,
    token_endpoint,
    client: { client_id: row.client_id, client_secret },
    client_authentication:
      (row.device_flow ? oauth.device_flow?.client_authentication : undefined) ??
      oauth.client_authentication,
    dead_grant_errors: oauth.dead_grant_errors,
    misconfigured_errors: oauth.misconfigured_errors,
    transient_errors: oauth.transient_errors ?? [],
    blocked_errors: oauth.blocked_errors ?? [],
    fetch,
  }
}

/**
 * Asks an endpoint for somebody who waits, when it is our turn there, and heeds how it answers.
 *
 * @throws TokenEndpointError those of `call`; `transient` also when there is no turn soon
 */
export async function inTurn<T>(
  limits: ProviderLimits,
  { provider_id, kind }: Pick<ClientRow, 'provider_id' | 'kind'>,
  call: () => Promise<T>,
): Promise<T> {
  const turn = { provider_id, limit: limitOf(kind), urgent: true }
  return await limits.run(turn, () => heedful(limits, provider_id, call))
}

/** Makes a call, after which all vaults leave a provider alone that says that it is asked too often. */
export async function heedful<T>(
  limits: ProviderLimits,
  provider_id: string,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof TokenEndpointError && error.retry_after !== undefined) {
      await limits.pause(provider_id, error.retry_after)
    }
    throw error
  }
}
