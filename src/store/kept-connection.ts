import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { KEEP_ALIVE } from './database.ts'
import { endClient } from './end-client.ts'

/** How a connection is seen to live, in milliseconds. */
export interface Pace {
  /** Between two questions whether it does. */
  look_ms: number
  /** How long an answer may take, also to the connection itself: to what is done on it as well. */
  answer_ms: number
}

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
  pace?: Pace
}

const PACE: Pace = { look_ms: 30_000, answer_ms: 10_000 }
const RECONNECT_MS = 500
/** For how long the last thing on a connection is waited for. */
const FAREWELL_MS = 2000

/**
 * Keeps one connection of its own to PostgreSQL at `url`, until disposed. One that breaks, or does
 * not answer any more, is made again.
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
    const { look_ms } = options.pace ?? PACE
    const error = await lost(client, look_ms, closing.signal)
    if (closing.signal.aborted) return
    if (error !== undefined) onError(error)
    await endClient(client)
    const again = await connectAgain(url, options, closing.signal)
    if (again === undefined) return
    client = again
    onAgain?.()
    watching = watch()
  }

  return {
    async [Symbol.asyncDispose]() {
      closing.abort()
      const farewell = onEnd?.(client).catch(onError)
      await Promise.race([farewell, pause(FAREWELL_MS, undefined, { ref: false })])
      await endClient(client).catch(onError)
      await watching
    },
  }
}

/** @param signal hangs up on a server that is slow to answer */
async function connect(
  url: string,
  { application_name, prepare, pace = PACE }: KeptConnectionOptions,
  signal?: AbortSignal,
): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name,
    connectionTimeoutMillis: pace.answer_ms,
    query_timeout: pace.answer_ms,
    ...KEEP_ALIVE,
  })
  // `broken` hears of the first one only, and an error that nobody hears of ends the process.
  client.on('error', () => {})
  const hangUp = () => void client.connection.stream.destroy()
  signal?.addEventListener('abort', hangUp)
  try {
    await client.connect()
    await prepare(client)
    return client
  } catch (error) {
    await endClient(client)
    throw error
  } finally {
    signal?.removeEventListener('abort', hangUp)
  }
}

/** Tries until there is a connection again; undefined once `signal` has aborted. */
async function connectAgain(
  url: string,
  options: KeptConnectionOptions,
  signal: AbortSignal,
): Promise<pg.Client | undefined> {
  while (!signal.aborted) {
    const client = await connect(url, options, signal).catch(() => undefined)
    if (client !== undefined && !signal.aborted) return client
    if (client !== undefined) await endClient(client)
    await pause(RECONNECT_MS, undefined, { signal }).catch(() => {})
  }
  return undefined
}

/** Resolves when `client` has lost its connection, was ended or is silent, or `signal` aborts. */
async function lost(
  client: pg.Client,
  look_ms: number,
  signal: AbortSignal,
): Promise<Error | undefined> {
  const over = new AbortController()
  const looking = silent(client, look_ms, AbortSignal.any([signal, over.signal]))
  const error = await Promise.race([broken(client), looking])
  over.abort()
  return error
}

/** Asks again and again, until there is no answer. */
async function silent(
  client: pg.Client,
  look_ms: number,
  signal: AbortSignal,
): Promise<Error | undefined> {
  for (;;) {
    await pause(look_ms, undefined, { signal }).catch(() => {})
    if (signal.aborted) return undefined
    try {
      await client.query('select 1')
    } catch (error) {
      return error as Error
    }
  }
}

function broken(client: pg.Client): Promise<Error | undefined> {
  return new Promise((resolve) => {
    client.once('error', resolve)
    client.once('end', () => resolve(undefined))
  })
}
