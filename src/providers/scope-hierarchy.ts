import type { ProviderAdapter } from './provider.ts'

/** Makes a `hasScope` of the vendor's table: which narrower scopes a wider one includes. */
export function scopeHierarchy(
  includes: Readonly<Record<string, readonly string[]>>,
): ProviderAdapter['hasScope'] {
  return (granted, needed) =>
    granted.some((scope) => scope === needed || includes[scope]?.includes(needed) === true)
}
