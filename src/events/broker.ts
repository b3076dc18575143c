import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { CHANGES_CHANNEL, type Change } from './change.ts'

/** Hands changes that any process announced to whoever listens in this one. */
export interface Broker extends AsyncDisposable {
  /**
   * Calls `onChange` for every change that `wants` picks, and `onGap` when some may have been
   * missed. Returns the way to stop.
   */
  subscribe(
    wants: (change: Change) => boolean,
    onChange: (change: Change) => void,
    onGap: () => void,
  ): () => void
}

interface Listener {
  wants: (change: Change) => boolean
  onChange: (change: Change) => void
  onGap: () => void
}

const RECONNECT_MS = 500

/**
 * Listens on one connection of its own to PostgreSQL at `url`. When that connection breaks it is
 * made again, and listeners are told that there may be a gap.
 */
export async function openBroker(url: string, onError: (error: Error) => void): Promise<Broker> {
  const listeners = new Set<Listener>()
  const closing = new AbortController()
  let client = await listen(url, deliver)
  let watching = watch()

  function deliver(change: Change): void {
    for (const listener of listeners) {
      if (listener.wants(change)) listener.onChange(change)
    }
  }

  async function watch(): Promise<void> {
    const error = await broken(client)
    if (closing.signal.aborted) return
    if (error !== undefined) onError(error)
    const again = await listenAgain(url, deliver, closing.signal)
    if (again === undefined) return
    client = again
    for (const listener of listeners) listener.onGap()
    watching = watch()
  }

  return {
    subscribe(wants, onChange, onGap) {
      const listener = { wants, onChange, onGap }
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await client.end().catch(onError)
      await watching
    },
  }
}

async function listen(url: string, deliver: (change: Change) => void): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'countersign events' })
  // `broken` hears of the first one only, and an error that nobody hears of ends the process.
  client.on('error', () => {})
  client.on('notification', (message) => {
    if (message.payload !== undefined) deliver(JSON.parse(message.payload) as Change)
  })
  try {
    await client.connect()
    await client.query(`listen ${CHANGES_CHANNEL}`)
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

/** Resolves when `client` has lost its connection or was ended. */
function broken(client: pg.Client): Promise<Error | undefined> {
  return new Promise((resolve) => {
    client.once('error', resolve)
    client.once('end', () => resolve(undefined))
  })
}

/** Tries until it listens again; undefined once `signal` has aborted. */
async function listenAgain(
  url: string,
  deliver: (change: Change) => void,
  signal: AbortSignal,
): Promise<pg.Client | undefined> {
  while (!signal.aborted) {
    const client = await listen(url, deliver).catch(() => undefined)
    if (client !== undefined && !signal.aborted) return client
    await client?.end().catch(() => {})
    await pause(RECONNECT_MS, undefined, { signal }).catch(() => {})
  }
  return undefined
}
