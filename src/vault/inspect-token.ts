import { scopesAmong } from '../oauth/scopes.ts'
import {
  type Inspection,
  missingScopes,
  type ProviderAdapter,
  type ProviderHttp,
  ProviderUnavailable,
  type TokenCredential,
  TokenRefused,
  TokenScopesMissing,
} from '../providers/provider.ts'
import type { OwnerKind } from '../store/tables.ts'
import { tidyAccount } from './host-text.ts'
import { onSecondThoughts } from './second-thoughts.ts'

/** What came of asking a Git host about a token. */
export type Verdict =
  | { outcome: 'accepted'; inspection: Inspection; missing_scopes: string[] }
  | { outcome: 'scopes_missing'; scopes: string[]; missing_scopes: string[] }
  | { outcome: 'refused'; why: TokenRefused['why'] }
  /** Nothing was learned about the token. */
  | { outcome: 'unavailable'; error: ProviderUnavailable }

/**
 * Asks the host about a token, of which a person's must be allowed other things than a runtime's own
 * does. A refusal is believed when it stands for a second; everything that is not the host's own word
 * about the token is `unavailable`.
 */
export async function inspectToken(
  adapter: ProviderAdapter,
  http: ProviderHttp,
  credential: TokenCredential,
  owner: OwnerKind,
): Promise<Verdict> {
  return await onSecondThoughts(
    () => inspectOnce(adapter, http, credential, owner),
    (verdict) => verdict.outcome === 'refused' && verdict.why === 'bad_credential',
  )
}

async function inspectOnce(
  adapter: ProviderAdapter,
  http: ProviderHttp,
  credential: TokenCredential,
  owner: OwnerKind,
): Promise<Verdict> {
  const missing = (scopes: readonly string[]) => missingScopes(adapter, scopes, owner)
  try {
    const told = await adapter.inspect(http, credential)
    const scopes = told.scopes === null ? null : scopesAmong(told.scopes)
    const inspection = { ...told, account: tidyAccount(told.account), scopes }
    const missing_scopes = scopes === null ? [] : missing(scopes)
    return { outcome: 'accepted', inspection, missing_scopes }
  } catch (error) {
    if (error instanceof TokenRefused) return { outcome: 'refused', why: error.why }
    if (error instanceof ProviderUnavailable) return { outcome: 'unavailable', error }
    if (error instanceof TokenScopesMissing) {
      const scopes = scopesAmong(error.scopes)
      return { outcome: 'scopes_missing', scopes, missing_scopes: missing(scopes) }
    }
    throw error
  }
}
