import { ALIVE_EVENT, EVENTS_PATH } from '../../src/contract/index.ts'
import { PATIENCE_MS } from './until.ts'

/** An open event stream, as a page has one. */
export interface EventStream extends AsyncDisposable {
  /** Names of the events so far, without those that only keep it alive. */
  seen: string[]
  /** Calls `probe` now and after each event, until it gives something, and fails when it does not. */
  until<T>(probe: () => Promise<T | undefined>): Promise<T>
  /** Resolves when the server ends it. */
  ended(): Promise<void>
}

export async function openEvents(page_url: string, cookie: string): Promise<EventStream> {
  const closing = new AbortController()

  async function connect() {
    const response = await fetch(page_url + EVENTS_PATH, {
      headers: { cookie },
      signal: closing.signal,
    })
    if (response.status !== 200 || response.body === null) {
      throw new Error(`the event stream answered ${response.status}`)
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    await reader.read()
    return reader
  }

  let chunks = await connect()
  const seen: string[] = []

  /** @returns false at its end */
  async function read(): Promise<boolean> {
    const { value = '', done } = await chunks.read()
    for (const [, name = ''] of value.matchAll(/^event: (\w+)$/gm)) {
      if (name !== ALIVE_EVENT) seen.push(name)
    }
    return !done
  }

  return {
    seen,
    async until(probe) {
      const late = new Error('what the test waits for did not come')
      const timer = setTimeout(() => closing.abort(late), PATIENCE_MS)
      try {
        for (;;) {
          const found = await probe()
          if (found !== undefined) return found
          // One whose listener could not be looked up just then is ended, and a page comes again.
          if (!(await read())) chunks = await connect()
        }
      } finally {
        clearTimeout(timer)
      }
    },
    async ended() {
      while (await read());
    },
    async [Symbol.asyncDispose]() {
      closing.abort()
      await chunks.cancel().catch(() => {})
    },
  }
}
