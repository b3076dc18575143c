import { TokenEndpointError } from '../oauth/token-endpoint.ts'
import type { TokenRequestLimit } from '../providers/provider.ts'
import type { ProviderPace } from './provider-pace.ts'

/** Keeps what we ask of each provider at once, and over time, within bounds. */
export interface ProviderLimits {
  /**
   * Runs `call` when the provider's turn comes.
   *
   * @throws TokenEndpointError `transient` when the provider asked to be left alone for longer than
   *   anybody should wait
   */
  run<T>(turn: Turn, call: () => Promise<T>): Promise<T>
  /** The provider asked to be left alone for so long. */
  pause(provider_id: string, seconds: number): Promise<void>
}

export interface Turn {
  provider_id: string
  limit: TokenRequestLimit
  /** Before everything that is not. */
  urgent: boolean
}

interface Waiting {
  start: () => void
  giveUp: (error: unknown) => void
}

interface Queue {
  limit: TokenRequestLimit
  urgent: Waiting[]
  patient: Waiting[]
  running: number
  /** Whether somebody is asking for turns already. */
  asking: boolean
  /** Ends a wait for a turn: there is somebody urgent now. */
  hurry: () => void
}

/** A wait for a turn is in line with others; a longer one is a provider that wants none of us. */
const MOST_WAIT_MS = 10_000

/** @param at_once calls of this process under way at a time, for each provider */
export function createProviderLimits(at_once: number, pace: ProviderPace): ProviderLimits {
  const queues = new Map<string, Queue>()

  async function startWaiting(provider_id: string, queue: Queue): Promise<void> {
    if (queue.asking) return
    queue.asking = true
    try {
      while (isWaiting(queue) && queue.running < at_once) await takeTurn(provider_id, queue)
    } catch (error) {
      giveUp(queue, error)
    } finally {
      queue.asking = false
    }
  }

  /** Starts a call, or waits until that may be possible. */
  async function takeTurn(provider_id: string, queue: Queue): Promise<void> {
    const urgent = queue.urgent.length > 0
    const wait = await pace.take(provider_id, queue.limit, urgent)
    if (wait === 0) return startNext(queue)
    if (wait <= MOST_WAIT_MS) return await pauseFor(wait, queue)
    throw new TokenEndpointError('transient', { retry_after: wait / 1000 })
  }

  return {
    pause: (provider_id, seconds) => pace.pause(provider_id, seconds),
    async run({ provider_id, limit, urgent }, call) {
      const queue = queues.get(provider_id) ?? newQueue(limit)
      queues.set(provider_id, queue)
      await new Promise<void>((start, giveUp) => {
        queue[urgent ? 'urgent' : 'patient'].push({ start, giveUp })
        if (urgent) queue.hurry()
        void startWaiting(provider_id, queue)
      })
      try {
        return await call()
      } finally {
        queue.running -= 1
        void startWaiting(provider_id, queue)
      }
    },
  }
}

/** Starts the next call in line. */
function startNext(queue: Queue): void {
  const next = queue.urgent.shift() ?? queue.patient.shift()
  if (next === undefined) return
  queue.running += 1
  next.start()
}

/** Sends everybody in line away: there will be no turn soon. */
function giveUp(queue: Queue, error: unknown): void {
  for (const waiting of [...queue.urgent.splice(0), ...queue.patient.splice(0)]) {
    waiting.giveUp(error)
  }
}

async function pauseFor(ms: number, queue: Queue): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  queue.hurry = resolve
  await promise
  clearTimeout(timer)
}

function isWaiting({ urgent, patient }: Queue): boolean {
  return urgent.length + patient.length > 0
}

function newQueue(limit: TokenRequestLimit): Queue {
  return { limit, urgent: [], patient: [], running: 0, asking: false, hurry: () => {} }
}
