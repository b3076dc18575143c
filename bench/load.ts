import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** How a server did under load. */
export interface LoadFigures {
  per_second: number
  /** Milliseconds from sending a request to the last byte of its answer. */
  latencies_ms: number[]
}

/** Connections that stay open, each with its own request as the bytes to send. */
export interface Load extends Disposable {
  /** Has every connection ask again and again, for `ms` milliseconds. */
  run(ms: number): Promise<LoadFigures>
}

/** A connection, and who is told of what arrives on it. */
interface Line {
  socket: Socket
  onBytes: (bytes: Buffer) => void
}

/**
 * Opens one connection for each of `requests` to `url`. No HTTP library is between us and the
 * socket: what makes the load must cost less than what answers it.
 */
export async function openLoad(url: string, requests: readonly Buffer[]): Promise<Load> {
  const { hostname, port } = new URL(url)
  const lines = await Promise.all(requests.map(() => openLine(hostname, Number(port))))
  return {
    async run(ms) {
      const latencies_ms: number[] = []
      const start = performance.now()
      const asked = lines.map((line, index) =>
        askUntil(start + ms, line, requests[index] ?? Buffer.alloc(0), latencies_ms),
      )
      await Promise.all(asked)
      const seconds = (performance.now() - start) / 1000
      return { per_second: latencies_ms.length / seconds, latencies_ms }
    },
    [Symbol.dispose]() {
      for (const { socket } of lines) socket.destroy()
    },
  }
}

/** Each reads into one piece of memory again and again. */
async function openLine(host: string, port: number): Promise<Line> {
  const onread = {
    buffer: Buffer.alloc(64 * 1024),
    callback(size: number, bytes: Uint8Array) {
      line.onBytes((bytes as Buffer).subarray(0, size))
      return true
    },
  }
  const line: Line = { socket: connect({ host, port, noDelay: true, onread }), onBytes: () => {} }
  await once(line.socket, 'connect')
  return line
}

/** The bytes of a `POST` of JSON. */
export function postBytes(
  url: string,
  path: string,
  headers: Record<string, string>,
  body: unknown,
): Buffer {
  const json = JSON.stringify(body)
  const fields = {
    host: new URL(url).host,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(json)),
    ...headers,
  }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from([`POST ${path} HTTP/1.1`, ...lines, '', json].join('\r\n'))
}

/** The bytes of a `GET`. */
export function getBytes(url: string, path: string, headers: Record<string, string>): Buffer {
  const lines = Object.entries({ host: new URL(url).host, ...headers })
  return Buffer.from(
    `GET ${path} HTTP/1.1\r\n${lines.map((field) => `${field.join(': ')}\r\n`).join('')}\r\n`,
  )
}

function askUntil(end: number, line: Line, request: Buffer, latencies_ms: number[]): Promise<void> {
  const { socket } = line
  return new Promise((resolve, reject) => {
    let sent = 0
    let received = 0
    let expected = 0

    function ask(): void {
      received = 0
      expected = 0
      sent = performance.now()
      socket.write(request)
    }

    function onData(chunk: Buffer): void {
      try {
        if (expected === 0) expected = answerLength(chunk)
      } catch (error) {
        finish()
        reject(error)
        return
      }
      received += chunk.length
      if (received < expected) return
      const now = performance.now()
      latencies_ms.push(now - sent)
      if (now < end) {
        ask()
        return
      }
      finish()
      resolve()
    }

    function onClose(): void {
      finish()
      reject(new Error('The server closed a connection.'))
    }

    function finish(): void {
      line.onBytes = () => {}
      socket.off('close', onClose)
    }

    if (socket.destroyed) {
      onClose()
      return
    }
    line.onBytes = onData
    socket.on('close', onClose)
    ask()
  })
}

/** Bytes of the answer that begins with `chunk`, which has its whole head. */
function answerLength(chunk: Buffer): number {
  const head = chunk.toString('latin1', 0, chunk.indexOf('\r\n\r\n') + 4)
  const length = /^content-length: (\d+)/im.exec(head)?.[1]
  if (!head.startsWith('HTTP/1.1 200 ') || length === undefined) {
    throw new Error(`Unexpected answer: ${chunk.toString('latin1', 0, 400)}`)
  }
  return head.length + Number(length)
}
