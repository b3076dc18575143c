import type { Logger } from 'pino'
import type { Broker } from '../events/broker.ts'
import { type DeviceSteps, nextDeviceSteps, takeDeviceSteps } from './device-due.ts'
import { askNext, type DeviceParts, endDeviceRequest } from './device-requests.ts'
import { startDueLoop, waitUntil } from './due-loop.ts'

/** How many requests a vault takes on at a time that need no turn. */
const BATCH = 50
/** How many questions of one sort a vault has in line, or under way, at one provider. */
const MOST_ASKING = 8
/** Wait after a question that could not be put. */
const RETRY_MS = 5000
/** Somebody waits for their code, and looks at it. */
const CHANGES = { names: ['authorization_request'], gather_ms: 0 } as const

/**
 * Asks Git hosts for the tokens that people allow with a code, each as often as it wants to be
 * asked. Sleeps until the next is due, which an index knows. A question waits for its turn first,
 * and only then takes up the request that is due for longest: so none is asked about that was
 * answered, given up or too old meanwhile, nor any by two vaults.
 */
export function startDevicePolls(
  parts: DeviceParts & { broker: Broker; log: Logger },
): AsyncDisposable {
  const { db, broker, taken_seconds, log } = parts
  /** Questions in line or under way, by provider and step. */
  const asking = new Map<string, number>()
  const ending = new Set<string>()
  const underway = new Set<Promise<void>>()
  let closing = false

  /** Begins what is due, and does not wait for it. @returns milliseconds until there is more */
  async function takeOn(): Promise<number> {
    const steps = await nextDeviceSteps(db)
    const waits = await Promise.all(
      steps.map((one) => (one.step === 'end' ? endSome(one) : askSome(one))),
    )
    return Math.min(waitUntil(undefined), ...waits)
  }

  async function endSome(steps: DeviceSteps): Promise<number> {
    if (steps.due === 0) return waitUntil(steps.ms)
    const taking = { many: BATCH, taken_seconds, but: [...ending] }
    const taken = await takeDeviceSteps(db, steps, taking)
    for (const id of taken) end(id)
    return taken.length === BATCH ? 0 : waitUntil(steps.ms)
  }

  async function askSome(steps: DeviceSteps): Promise<number> {
    const key = `${steps.provider_id} ${steps.step}`
    const before = asking.get(key) ?? 0
    for (let many = before; many < Math.min(steps.due, MOST_ASKING); many += 1) {
      asking.set(key, many + 1)
      const asked = askNext(parts, steps, () => closing).finally(() =>
        asking.set(key, (asking.get(key) ?? 1) - 1),
      )
      const granted = asked.then((id) => (id === undefined ? undefined : end(id)))
      track(granted, { provider_id: steps.provider_id })
    }
    return waitUntil(steps.ms)
  }

  function end(id: string): void {
    ending.add(id)
    const ended = endDeviceRequest(parts, id).finally(() => ending.delete(id))
    track(ended, { request_id: id })
  }

  /** Looks again when this has ended, for there may be more that waits for it. */
  function track(work: Promise<void>, what: object): void {
    const own = work
      .then(() => 0)
      .catch((error: unknown) => {
        log.warn({ err: error, ...what }, 'a device request waits')
        return RETRY_MS
      })
      .then((wait) => {
        underway.delete(own)
        loop.wakeIn(wait)
      })
    underway.add(own)
  }

  const loop = startDueLoop({ broker, log, changes: CHANGES, round: takeOn })
  return {
    async [Symbol.asyncDispose]() {
      closing = true
      await loop[Symbol.asyncDispose]()
      while (underway.size > 0) await Promise.all(underway)
    },
  }
}
