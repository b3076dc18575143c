/**
 * What the name of the session's cookie begins with. A browser sends what a host has set to all
 * ports of that host, so each Countersign there has a name of its own.
 */
export function sessionCookiePrefix(page_url: string): string {
  const { port } = new URL(page_url)
  return port === '' ? 'countersign' : `countersign-${port}`
}

/** The name of the cookie that holds a browser's session. */
export function sessionCookieName(page_url: string): string {
  const secure = page_url.startsWith('https:') ? '__Secure-' : ''
  return `${secure}${sessionCookiePrefix(page_url)}.session_token`
}
