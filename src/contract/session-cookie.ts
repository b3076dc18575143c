/**
 * What the name of the session's cookie begins with. A browser sends what a host has set to all
 * ports of that host, so each Countersign there has a name of its own. On HTTPS nobody but this host
 * can set it: from another one below the same domain, people would be signed in as somebody else, and
 * give their tokens to them.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6265#section-8.6
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-4.1.3.2
 */
export function sessionCookiePrefix(page_url: string): string {
  const { port, protocol } = new URL(page_url)
  const host = protocol === 'https:' ? '__Host-' : ''
  return port === '' ? `${host}countersign` : `${host}countersign-${port}`
}

/** The name of the cookie that holds a browser's session. */
export function sessionCookieName(page_url: string): string {
  return `${sessionCookiePrefix(page_url)}.session_token`
}
