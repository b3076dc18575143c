import { type QueryClient, type QueryKey, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import {
  ALIVE_EVENT,
  EVENTS_PATH,
  type EventName,
  eventNames,
} from '../../../src/contract/endpoints.ts'
import { forgetEarlyAnswers } from './early-answers.ts'

const LOST_AFTER_MS = 10_000
const RECONNECT_MS = 3_000
/** How often a page looks for itself while the stream brings nothing. */
const LOOK_MS = 30_000
/**
 * A page that is out of sight for so long stops listening: without HTTP/2 a browser has six
 * connections to a server, for all its tabs together, and each stream keeps one of them busy.
 */
const OUT_OF_SIGHT_MS = 5_000
/** One change is often told by several events, which come together. */
const FIRST_MS = 10
const GATHER_MS = 60

/** What each event makes stale. The activity list shows all of them. */
const stale: Record<EventName, (id: string) => QueryKey[]> = {
  access: () => [['access'], ['audit']],
  candidate: (id) => [['candidate', id], ['audit']],
  authorization_request: (id) => [['authorization-request', id], ['audit']],
  runtimes: () => [['runtimes'], ['access'], ['providers'], ['audit']],
  // Every minute, from each runtime: only what shows when it was seen is read again.
  agents: () => [
    ['runtimes', 'list'],
    ['runtimes', 'detail'],
  ],
  runtime_token: () => [['runtimes'], ['audit']],
  providers: () => [['providers'], ['runtimes'], ['access'], ['audit']],
  clients: () => [['clients'], ['runtimes'], ['access'], ['audit']],
  people: () => [['people'], ['invites'], ['session'], ['audit']],
}

/** How a page hears of changes: as they happen, by looking for itself now and then, or not at all. */
export type Hearing = 'live' | 'silent' | 'lost'

/**
 * Listens to the server's events for as long as the component is mounted and the page in sight, and
 * has read again what they name; what comes back into sight is read again as a whole. A stream that
 * is there and brings nothing, as behind a proxy that holds answers back, is opened anew, and what is
 * shown read again, every half minute.
 *
 * @returns `lost` or `silent` once that has been so for ten seconds
 */
export function useEvents(): Hearing {
  const queryClient = useQueryClient()
  const [hearing, setHearing] = useState<Hearing>('live')
  useEffect(() => listen(queryClient, setHearing), [queryClient])
  return hearing
}

function listen(queryClient: QueryClient, tell: (hearing: Hearing) => void): () => void {
  const gathered = gather(queryClient)
  let source: EventSource | undefined
  let retry: number | undefined
  let alarm: number | undefined
  let silence: number | undefined
  let leaving: number | undefined

  /** @param patience_ms how long it may take until something is heard */
  function connect(patience_ms = LOST_AFTER_MS) {
    source?.close()
    const opened = new EventSource(EVENTS_PATH)
    source = opened
    let heard = false
    expectWord(patience_ms)
    opened.onopen = () => {
      clearTimeout(alarm)
      alarm = undefined
      heard = false
      expectWord(patience_ms)
      forgetEarlyAnswers()
      // An event about what was read before, or while nobody listened, may be over by now.
      readAgain(queryClient, [])
    }
    opened.onerror = () => {
      clearTimeout(silence)
      alarm ??= window.setTimeout(() => tell('lost'), LOST_AFTER_MS)
      // The browser reconnects by itself after a broken stream, but not after a refusal.
      if (opened.readyState === EventSource.CLOSED) {
        clearTimeout(retry)
        retry = window.setTimeout(connect, RECONNECT_MS)
      }
    }
    opened.addEventListener(ALIVE_EVENT, ({ data }: MessageEvent<string>) => {
      heard = true
      tell('live')
      expectWord(3 * Number(data) * 1000)
    })
    for (const name of eventNames) {
      opened.addEventListener(name, (event: MessageEvent<string>) => {
        gathered.add(stale[name](event.data))
      })
    }

    function expectWord(within_ms: number) {
      clearTimeout(silence)
      silence = window.setTimeout(onSilence, within_ms)
    }

    /** A connection that was good may have died unnoticed, as on a machine that changed networks. */
    function onSilence() {
      if (heard) return connect()
      tell('silent')
      if (opened.readyState !== EventSource.OPEN) readAgain(queryClient, [])
      connect(LOOK_MS)
    }
  }

  function disconnect() {
    clearTimeout(retry)
    clearTimeout(alarm)
    clearTimeout(silence)
    alarm = undefined
    source?.close()
    source = undefined
  }

  function onVisibility() {
    clearTimeout(leaving)
    if (document.hidden) leaving = window.setTimeout(disconnect, OUT_OF_SIGHT_MS)
    else if (source === undefined) connect()
  }

  connect()
  onVisibility()
  document.addEventListener('visibilitychange', onVisibility)
  return () => {
    document.removeEventListener('visibilitychange', onVisibility)
    clearTimeout(leaving)
    disconnect()
    gathered.stop()
  }
}

/**
 * Reads again what is shown. A first read that is under way may be older than the change, and is
 * joined instead of begun anew: it is followed by another. So is the reading of more of a list, which
 * somebody has asked for.
 */
function readAgain(queryClient: QueryClient, queryKey: QueryKey): void {
  const reading = queryClient.getQueryCache().findAll({ queryKey, fetchStatus: 'fetching' })
  const first = reading.filter(({ state }) => state.data === undefined)
  const more = reading.filter(({ state }) => state.fetchMeta?.fetchMore !== undefined)
  void queryClient.invalidateQueries({ queryKey, predicate: (query) => !more.includes(query) })
  const before = [...first, ...more].map(({ promise }) => promise)
  if (before.length === 0) return
  void Promise.allSettled(before).then(() => queryClient.invalidateQueries({ queryKey }))
}

/**
 * Puts the events of a burst together: what they name is read soon after the first of them and again
 * while more come, not once per event.
 */
function gather(queryClient: QueryClient) {
  const keys = new Map<string, QueryKey>()
  let timer: number | undefined
  function flush() {
    timer = undefined
    if (keys.size === 0) return
    for (const queryKey of keys.values()) readAgain(queryClient, queryKey)
    keys.clear()
    timer = window.setTimeout(flush, GATHER_MS)
  }
  return {
    add(found: QueryKey[]) {
      for (const key of found) keys.set(key.join(), key)
      timer ??= window.setTimeout(flush, FIRST_MS)
    },
    stop: () => clearTimeout(timer),
  }
}
