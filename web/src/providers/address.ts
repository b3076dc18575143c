/** A Git host's address as people say it: without the scheme. */
export function shortAddress(base_url: string): string {
  return base_url.replace(/^https?:\/\//, '').replace(/\/$/, '')
}
