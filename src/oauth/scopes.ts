/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** The scopes among what a host names: what is written otherwise is none, and may not even be storable. */
export function scopesAmong(named: readonly string[]): string[] {
  return named.filter((one) => SCOPE.test(one))
}
