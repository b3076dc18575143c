import type { Scope } from '../contract/index.ts'
import type { ProviderAdapter } from './provider.ts'

/** Scopes that an administrator added have reasons that only they know. */
const UNKNOWN_REASON = 'chosen by an administrator'

/** What each of these scopes of a grant is for. */
export function withReasons(
  { oauth, required_scopes }: ProviderAdapter,
  scopes: readonly string[],
  owner: 'person' | 'runtime',
): Scope[] {
  const other = owner === 'person' ? 'runtime' : 'person'
  const reasons = new Map([
    ...reasonsOf(required_scopes[other]),
    ...reasonsOf(required_scopes[owner]),
    ...Object.entries(oauth.scope_reasons ?? {}),
  ])
  return scopes.map((scope) => ({ scope, reason: reasons.get(scope) ?? UNKNOWN_REASON }))
}

function reasonsOf(scopes: readonly Scope[]): [scope: string, reason: string][] {
  return scopes.map(({ scope, reason }) => [scope, reason])
}
