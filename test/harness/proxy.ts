import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A reverse proxy on this machine, which appends to `X-Forwarded-For` as they all do. */
export interface ReverseProxy extends AsyncDisposable {
  /** POSTs JSON through the proxy, from the loopback address `from`. */
  post(call: {
    path: string
    body: unknown
    from: string
    forwarded_for?: string
  }): Promise<{ status: number; body: string }>
}

/** @param server_url what it stands in front of */
export async function startProxy(server_url: string): Promise<ReverseProxy> {
  const server = createServer((incoming, answer) => {
    const before = incoming.headers['x-forwarded-for']
    const { remoteAddress = '' } = incoming.socket
    const forwarded = before === undefined ? remoteAddress : `${before}, ${remoteAddress}`
    const headers = { ...incoming.headers, 'x-forwarded-for': forwarded }
    const outgoing = request(server_url + incoming.url, { method: incoming.method, headers })
    outgoing.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(answer)
    })
    incoming.pipe(outgoing)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    async post({ path, body, from, forwarded_for }) {
      const outgoing = request({
        host: '127.0.0.1',
        port,
        path,
        method: 'POST',
        localAddress: from,
        agent: false,
        headers: {
          'content-type': 'application/json',
          ...(forwarded_for !== undefined && { 'x-forwarded-for': forwarded_for }),
        },
      })
      outgoing.end(JSON.stringify(body))
      const [response] = await once(outgoing, 'response')
      let text = ''
      for await (const chunk of response) text += chunk
      return { status: response.statusCode, body: text }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
