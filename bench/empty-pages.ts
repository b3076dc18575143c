import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * The way of an authorization with nothing on it: a button, a request, two redirects, and a row. What
 * a browser takes for this, no product could beat.
 */
export interface EmptyPages extends AsyncDisposable {
  url: string
}

/** @param button the words on it */
export async function startEmptyPages(button: string): Promise<EmptyPages> {
  const pages: Record<string, string> = {
    '/': `<!doctype html><title>Begin</title><button>${button}</button><script>
      document.querySelector('button').onclick = async () => {
        await fetch('/begin', { method: 'POST' })
        location.assign('/host')
      }</script>`,
    '/begin': '',
    '/row': '<!doctype html><title>Row</title><table><tr><td data-status=valid>valid</table>',
  }
  const redirects: Record<string, string> = { '/host': '/back', '/back': '/row' }
  const server = createServer(({ url = '' }, response) => {
    const location = redirects[url]
    const page = pages[url]
    if (location !== undefined) response.writeHead(302, { location })
    else response.writeHead(page === undefined ? 404 : 200, { 'content-type': 'text/html' })
    response.end(page)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
