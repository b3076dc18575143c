import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Stands between a command and its server, and keeps everything that is sent there. */
export interface RecordingProxy extends AsyncDisposable {
  url: string
  /** First line, headers and body of each request. */
  requests: readonly string[]
  /** Hangs up on the next request, once it is there. */
  hangUp(): Promise<void>
}

export async function startRecordingProxy(server_url: string): Promise<RecordingProxy> {
  const requests: string[] = []
  let hungUp: (() => void) | undefined
  const server = createServer(async (incoming, answer) => {
    if (hungUp !== undefined) {
      incoming.socket.destroy()
      hungUp()
      hungUp = undefined
      return
    }
    const { method, url, rawHeaders } = incoming
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    requests.push([`${method} ${url}`, ...rawHeaders, '', body.toString('latin1')].join('\n'))
    const outgoing = request(server_url + url, { method, headers: incoming.headers })
    outgoing.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(answer)
    })
    answer.once('close', () => outgoing.destroy())
    outgoing.on('error', () => answer.destroy())
    outgoing.end(body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    hangUp: () =>
      new Promise((resolve) => {
        hungUp = resolve
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
