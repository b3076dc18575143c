import { connect } from 'node:net'

/**
 * Writes `chunks` to a Unix socket one by one, then closes our half unless told to keep it open,
 * and reads to the end. A connection that was cut off counts as an end.
 */
export function exchange(
  socket_path: string,
  chunks: readonly (string | Uint8Array)[],
  { keep_open = false } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const connection = connect({ path: socket_path, allowHalfOpen: true })
    connection.setEncoding('utf8')
    connection.on('data', (chunk) => {
      answer += chunk
    })
    connection.on('connect', async () => {
      for (const chunk of chunks) {
        await new Promise((written) => connection.write(chunk, written))
      }
      if (!keep_open) connection.end()
    })
    connection.on('end', () => connection.end())
    connection.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error)
    })
    connection.on('close', () => resolve(answer))
  })
}
