import { keepConnected, type Pace } from '../store/kept-connection.ts'
import { CHANGES_CHANNEL, type Change, changeIn } from './change.ts'

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

/**
 * Listens on one connection of its own to PostgreSQL at `url`. When that connection breaks it is
 * made again, and listeners are told that there may be a gap.
 */
export async function openBroker(
  url: string,
  onError: (error: Error) => void,
  pace?: Pace,
): Promise<Broker> {
  const listeners = new Set<Listener>()

  function deliver(change: Change): void {
    for (const listener of listeners) {
      if (listener.wants(change)) listener.onChange(change)
    }
  }

  const connection = await keepConnected(url, {
    application_name: 'countersign events',
    async prepare(client) {
      client.on('notification', (message) => {
        const change = changeIn(message.payload)
        if (change !== undefined) deliver(change)
      })
      await client.query(`listen ${CHANGES_CHANNEL}`)
    },
    onError,
    onAgain() {
      for (const listener of listeners) listener.onGap()
    },
    ...(pace && { pace }),
  })

  return {
    subscribe(wants, onChange, onGap) {
      const listener = { wants, onChange, onGap }
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  }
}
