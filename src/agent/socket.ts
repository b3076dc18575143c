import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import {
  type DaemonRequest,
  MAX_REQUEST_BYTES,
  parseDaemonRequest,
} from '../git-credential/format.ts'
import { FormatError } from '../git-credential/format-error.ts'
import { noPlace, type SocketFolder } from './socket-folder.ts'

/** How many clients may wait to be accepted; the kernel lowers it to its own limit. */
const BACKLOG = 4096
const REQUEST_DEADLINE_MS = 5_000

export interface SocketOptions {
  folder: SocketFolder
  /** Never rejects. `signal` aborts when the socket is disposed of. */
  answer: (request: DaemonRequest, signal: AbortSignal) => Promise<string>
  /** How long a client may take to send its request. */
  request_deadline_ms?: number
}

/**
 * Listens where `git credential-cache --socket` connects, and speaks as its daemon does: a client
 * writes a request, closes its half, reads the answer to the end. Who sends something else, or too
 * much, or nothing, is hung up on.
 *
 * @throws {SocketFolderError}
 * @see https://git-scm.com/docs/git-credential-cache
 */
export async function openSocket({
  folder,
  answer,
  request_deadline_ms = REQUEST_DEADLINE_MS,
}: SocketOptions): Promise<AsyncDisposable> {
  const connections = new Set<Socket>()
  const disposal = new AbortController()

  const server = createServer({ allowHalfOpen: true }, (connection) => {
    connections.add(connection)
    const deadline = setTimeout(() => connection.destroy(), request_deadline_ms)
    connection.on('close', () => {
      clearTimeout(deadline)
      connections.delete(connection)
    })
    // A client may go away at any moment; 'close' follows.
    connection.on('error', () => {})
    collect(connection, async (bytes) => {
      clearTimeout(deadline)
      const request = read(bytes)
      if (request === undefined) connection.destroy()
      else connection.end(await answer(request, disposal.signal))
    })
  })

  server.listen({ path: folder.socket_path, backlog: BACKLOG })
  try {
    await once(server, 'listening')
    await chmod(folder.socket_path, 0o600)
    await folder.close()
  } catch (error) {
    server.close()
    throw noPlace(folder, error)
  }

  return {
    async [Symbol.asyncDispose]() {
      disposal.abort()
      // Closing removes whatever is at its path; what somebody else has put there stays.
      if ((await folder.place()) === 'taken') return void server.unref()
      const closed = once(server, 'close')
      server.close()
      for (const connection of connections) connection.destroy()
      await closed
    },
  }
}

function collect(connection: Socket, onEnd: (bytes: Buffer) => Promise<void>): void {
  const chunks: Buffer[] = []
  let size = 0
  connection.on('data', (chunk: Buffer) => {
    size += chunk.byteLength
    if (size > MAX_REQUEST_BYTES) connection.destroy()
    else chunks.push(chunk)
  })
  connection.on('end', () => void onEnd(Buffer.concat(chunks)))
}

function read(bytes: Buffer): DaemonRequest | undefined {
  try {
    return parseDaemonRequest(bytes)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
