import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'

export interface KeptConnectionOptions {
  application_name: string
  /** What a new connection is for: is done on each before it counts as there. */
  prepare: (client: pg.Client) => Promise<void>
  /** Hears of connections that broke. */
  onError: (error: Error) => void
  /** There is another one in the place of one that broke. */
  onAgain?: () => void
  /** The last thing that is done on it. */
  onEnd?: (client: pg.Client) => Promise<unknown>
}

const RECONNECT_MS = 500

/**
 * Keeps one connection of its own to PostgreSQL at `url`, until disposed. One that breaks is made
 * again.
 */
export async function keepConnected(
  url: string,
  options: KeptConnectionOptions,
): Promise<AsyncDisposable> {
  const { onError, onAgain, onEnd } = options
  const closing = new AbortController()
  let client = await connect(url, options)
  let watching = watch()

  async function watch(): Promise<void> {
    const error = await broken(client)
    if (closing.signal.aborted) return
    if (error !== undefined) onError(error)
    const again = await connectAgain(url, options, closing.signal)
    if (again === undefined) return
    client = again
    onAgain?.()
    watching = watch()
  }

  return {
    async [Symbol.asyncDispose]() {
      closing.abort()
      await onEnd?.(client).catch(onError)
      await client.end().catch(onError)
      await watching
    },
  }
}

async function connect(
  url: string,
  { application_name, prepare }: KeptConnectionOptions,
): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name })
  // `broken` hears of the first one only, and an error that nobody hears of ends the process.
  client.on('error', () => {})
  try {
    await client.connect()
    await prepare(client)
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

/** Tries until there is a connection again; undefined once `signal` has aborted. */
async function connectAgain(
  url: string,
  options: KeptConnectionOptions,
  signal: AbortSignal,
): Promise<pg.Client | undefined> {
  while (!signal.aborted) {
    const client = await connect(url, options).catch(() => undefined)
    if (client !== undefined && !signal.aborted) return client
    await client?.end().catch(() => {})
    await pause(RECONNECT_MS, undefined, { signal }).catch(() => {})
  }
  return undefined
}

/** Resolves when `client` has lost its connection or was ended. */
function broken(client: pg.Client): Promise<Error | undefined> {
  return new Promise((resolve) => {
    client.once('error', resolve)
    client.once('end', () => resolve(undefined))
  })
}
