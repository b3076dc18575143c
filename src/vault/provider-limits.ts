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
  /** Before everything that is not: somebody waits for it. */
  urgent: boolean
  /** Happens when this becomes urgent while it waits. */
  hurried?: Promise<void>
  /**
   * Asks only whether something has come, and will be asked again: of the turns that are not urgent,
   * one in four while others want them, and all that are left.
   */
  poll?: boolean
}

interface Waiting {
  start: () => void
  giveUp: (error: unknown) => void
}

interface Queue {
  limit: TokenRequestLimit
  urgent: Waiting[]
  patient: Waiting[]
  polls: Waiting[]
  /** Turns that the patient had since a poll had one. */
  since_poll: number
  running: number
  /** Whether somebody is asking for turns already. */
  asking: boolean
  /** Ends a wait for a turn: there is somebody urgent now. */
  hurry: () => void
}

/** A wait for a turn is in line with others; a longer one is a provider that wants none of us. */
const MOST_WAIT_MS = 10_000

/**
 * Turns of the patient for one of a poll, while both wait. People poll as long as they like and as
 * many as they are, so polls must not hold up what is due; and what is due may not end for hours
 * either, while a code is good for a quarter of one. With this share nobody goes without.
 */
const PATIENT_FOR_A_POLL = 3

/**
 * Three lines for each provider: the urgent, before all others; the patient; and polls, after these
 * but for their share. Each line is served in its order.
 *
 * @param at_once calls of this process under way at a time, for each provider
 */
export function createProviderLimits(at_once: number, pace: ProviderPace): ProviderLimits {
  const queues = new Map<string, Queue>()

  async function startWaiting(provider_id: string, queue: Queue): Promise<void> {
    if (queue.asking) return
    queue.asking = true
    while (isWaiting(queue) && queue.running < at_once) await takeTurn(provider_id, queue)
    queue.asking = false
  }

  /** Starts a call, or waits until that may be possible, or sends away those who wait in vain. */
  async function takeTurn(provider_id: string, queue: Queue): Promise<void> {
    const urgent = queue.urgent.length > 0
    try {
      const wait = await pace.take(provider_id, queue.limit, urgent)
      if (wait === 0) return startNext(queue)
      // Somebody urgent who came meanwhile may go at once.
      if (!urgent && queue.urgent.length > 0) return
      if (wait <= MOST_WAIT_MS) return await pauseFor(wait, queue)
      throw new TokenEndpointError('transient', { retry_after: wait / 1000 })
    } catch (error) {
      giveUp(queue, urgent, error)
    }
  }

  return {
    pause: (provider_id, seconds) => pace.pause(provider_id, seconds),
    async run({ provider_id, limit, urgent, hurried, poll = false }, call) {
      const queue = queues.get(provider_id) ?? newQueue(limit)
      queues.set(provider_id, queue)
      await new Promise<void>((start, giveUp) => {
        const waiting = { start, giveUp }
        queue[urgent ? 'urgent' : poll ? 'polls' : 'patient'].push(waiting)
        if (urgent) queue.hurry()
        void hurried?.then(() => moveUp(queue, waiting))
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
  const { urgent, patient } = queue
  const next = urgent.shift() ?? nextPoll(queue) ?? patient.shift()
  if (next === undefined) return
  queue.running += 1
  next.start()
}

/** The poll whose turn it is before the patient, if it is; counts for whom this turn is. */
function nextPoll(queue: Queue): Waiting | undefined {
  const theirs = queue.since_poll >= PATIENT_FOR_A_POLL || queue.patient.length === 0
  const poll = theirs ? queue.polls.shift() : undefined
  queue.since_poll = poll === undefined ? queue.since_poll + 1 : 0
  return poll
}

/** Lets one of the patient join the urgent, if it still waits. */
function moveUp(queue: Queue, waiting: Waiting): void {
  const at = queue.patient.indexOf(waiting)
  if (at === -1) return
  queue.patient.splice(at, 1)
  queue.urgent.push(waiting)
  queue.hurry()
}

/** Sends those away whose turn does not come soon: all, if not even the urgent are served. */
function giveUp({ urgent, patient, polls }: Queue, all: boolean, error: unknown): void {
  const lines = all ? [urgent, patient, polls] : [patient, polls]
  for (const waiting of lines.flatMap((line) => line.splice(0))) waiting.giveUp(error)
}

async function pauseFor(ms: number, queue: Queue): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  queue.hurry = resolve
  await promise
  clearTimeout(timer)
}

function isWaiting({ urgent, patient, polls }: Queue): boolean {
  return urgent.length + patient.length + polls.length > 0
}

function newQueue(limit: TokenRequestLimit): Queue {
  const lines = { urgent: [], patient: [], polls: [] }
  return { limit, ...lines, since_poll: 0, running: 0, asking: false, hurry: () => {} }
}
