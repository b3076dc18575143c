import type { IncomingMessage } from 'node:http'

/** One request that reached the forge: no header, no query, no body. */
export interface Call {
  at: string
  method: string
  path: string
  /** The route's pattern, or `*` when no route fits. */
  pattern: string
  /** null until it is answered, and for good when the connection broke first. */
  status: number | null
}

export interface CallLog {
  add(call: Call): void
  clear(): void
  /** How often each `METHOD pattern` was called since the start or the last `clear`. */
  counts(): Record<string, number>
  /** The last calls, oldest first. */
  list(): readonly Call[]
}

const KEPT = 1000

/** Counts calls, and keeps the last thousand. */
export function createCallLog(): CallLog {
  let calls: Call[] = []
  let counts = new Map<string, number>()
  return {
    add(call) {
      const key = `${call.method} ${call.pattern}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
      calls.push(call)
      if (calls.length > KEPT) calls.shift()
    },
    clear() {
      calls = []
      counts = new Map()
    },
    counts: () => Object.fromEntries(counts),
    list: () => calls,
  }
}

/** The path a request names, without its query. Node has checked that there is one. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/'
}
