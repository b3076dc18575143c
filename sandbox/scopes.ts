/**
 * Scopes of access tokens as Gitea 1.25 knows them: nine categories, each `read:` or `write:`,
 * where write includes read; `all`; and `public-only`, which narrows the others.
 * @see https://docs.gitea.com/development/oauth2-provider#scopes
 */
export const SCOPE_CATEGORIES = [
  'activitypub',
  'admin',
  'misc',
  'notification',
  'organization',
  'package',
  'issue',
  'repository',
  'user',
] as const

export type ScopeCategory = (typeof SCOPE_CATEGORIES)[number]
export type ScopeLevel = 'read' | 'write'

export class InvalidScopeError extends Error {
  constructor(scope: string) {
    super(`invalid access token scope: ${scope}`)
  }
}

/**
 * Brings scopes into the one form in which they are stored and printed: no doubles, nothing that
 * a wider scope includes, Gitea's order, comma separated.
 * @throws InvalidScopeError for a scope that Gitea does not know
 */
export function normalizeScopes(scopes: readonly string[]): string {
  const held = new Set<string>()
  for (const scope of scopes) {
    if (scope === '') continue
    if (scope === 'all') for (const category of SCOPE_CATEGORIES) held.add(`write:${category}`)
    else if (isScope(scope)) held.add(scope)
    else throw new InvalidScopeError(scope)
  }
  const parts = SCOPE_CATEGORIES.flatMap((category) => {
    if (held.has(`write:${category}`)) return [`write:${category}`]
    return held.has(`read:${category}`) ? [`read:${category}`] : []
  })
  const everything = SCOPE_CATEGORIES.every((category) => held.has(`write:${category}`))
  return [
    ...(held.has('public-only') ? ['public-only'] : []),
    ...(everything ? ['all'] : parts),
  ].join(',')
}

/** The scopes that a call of this level needs: all of them. */
export function requiredScopes(level: ScopeLevel, categories: readonly ScopeCategory[]): string[] {
  return categories.map((category) => `${level}:${category}`)
}

/** Whether a normalised scope string includes every one of `required`. */
export function includesScopes(scope: string, required: readonly string[]): boolean {
  const held = new Set(scope.split(','))
  return required.every(
    (one) => held.has('all') || held.has(one) || held.has(one.replace('read:', 'write:')),
  )
}

/** Whether a normalised scope string is limited to what is public. */
export function isPublicOnly(scope: string): boolean {
  return scope.split(',').includes('public-only')
}

/** Every scope that a person may tick, in Gitea's order. */
export function allScopes(): string[] {
  return SCOPE_CATEGORIES.flatMap((category) => [`read:${category}`, `write:${category}`])
}

function isScope(scope: string): boolean {
  return scope === 'public-only' || allScopes().includes(scope)
}
