import { lackingOfAsked } from '../authorizations/requested-scopes.ts'
import { missingScopes, type ProviderAdapter } from '../providers/provider.ts'
import type { OwnerKind, StoredStatus } from '../store/tables.ts'

/** The columns of a connection that follow from what its grant may do. */
export interface ScopeColumns {
  status: StoredStatus
  scopes: string[]
  missing_scopes: string[]
}

/**
 * What a grant may do after a refresh. By RFC 6749 §5.1 an answer without scopes changes nothing;
 * neither does one that says the same by the host's own hierarchy.
 *
 * @returns undefined: what it could do before
 */
export function scopesAfter(
  adapter: Pick<ProviderAdapter, 'required_scopes' | 'hasScope'>,
  { scopes: before, owner_kind }: { scopes: readonly string[]; owner_kind: OwnerKind },
  answered: string[] | null,
): ScopeColumns | undefined {
  if (answered === null) return undefined
  const lost = lackingOfAsked(adapter, before, answered)
  const gained = lackingOfAsked(adapter, answered, before)
  if (lost.length === 0 && gained.length === 0) return undefined
  const missing_scopes = missingScopes(adapter, answered, owner_kind)
  const status = missing_scopes.length === 0 ? 'valid' : 'insufficient_scopes'
  return { status, scopes: answered, missing_scopes }
}
