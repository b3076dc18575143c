import { setTimeout as pause } from 'node:timers/promises'
import { openPersonSocket, type PersonSocket, type PersonSocketOptions } from './person-socket.ts'

/** Between two looks whether it is still there. */
const LOOK_MS = 5000

export interface KeptSocketOptions extends PersonSocketOptions {
  /** Hears in a sentence that nobody reaches it, and why; once, until it is there again. */
  onLost: (why: string) => void
  onAgain: () => void
}

/** It stays at one path, whichever socket is there. */
type KeptSocket = Omit<PersonSocket, 'place'>

/**
 * Opens a socket as `openPersonSocket` does, and again whenever it is gone: what cleans up temporary
 * files, or a sign-out that removes the folder of a session, takes it away without a word.
 *
 * @throws {SocketFolderError} when it cannot be opened at first
 */
export async function keepPersonSocket(options: KeptSocketOptions): Promise<KeptSocket> {
  const { onLost, onAgain } = options
  const closing = new AbortController()
  const { signal } = closing
  let socket: PersonSocket | undefined = await openPersonSocket(options)
  const { socket_path } = socket
  let lost: string | undefined

  async function look(): Promise<string | undefined> {
    const place = await socket?.place()
    if (place === 'ours') return undefined
    if (place === 'taken') return `something else is at ${socket_path} now`
    await socket?.[Symbol.asyncDispose]()
    socket = undefined
    try {
      socket = await openPersonSocket(options)
      return undefined
    } catch (error) {
      return `it is gone, and cannot be opened again: ${(error as Error).message}`
    }
  }

  async function watch(): Promise<void> {
    for (;;) {
      await pause(LOOK_MS, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      const before = socket
      const why = await look()
      if (why !== undefined && why !== lost) onLost(why)
      else if (why === undefined && socket !== before) onAgain()
      lost = why
    }
  }

  const watching = watch()
  return {
    socket_path,
    async [Symbol.asyncDispose]() {
      closing.abort()
      await watching
      await socket?.[Symbol.asyncDispose]()
    },
  }
}
