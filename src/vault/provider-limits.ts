/** Keeps what we ask of each provider at once, and in each second, within bounds. */
export interface ProviderLimits {
  /**
   * Runs `call` when the provider's turn comes.
   *
   * @param urgent before everything that is not
   */
  run<T>(provider_id: string, urgent: boolean, call: () => Promise<T>): Promise<T>
}

export interface Limits {
  /** Calls under way at a time, for each provider. */
  at_once: number
  /** Calls begun in any second, for each provider. */
  a_second: number
}

interface Queue {
  urgent: (() => void)[]
  patient: (() => void)[]
  running: number
  /** When each of the last calls began, oldest first, in milliseconds. */
  begun: number[]
  timer: NodeJS.Timeout | undefined
}

export function createProviderLimits(
  limits: Limits,
  now: () => number = () => performance.now(),
): ProviderLimits {
  const queues = new Map<string, Queue>()

  function startWaiting(queue: Queue): void {
    const time = now()
    while (queue.begun[0] !== undefined && queue.begun[0] <= time - 1000) queue.begun.shift()
    while (isFree(queue, limits) && startNext(queue, time)) {}
    const oldest = queue.begun[0]
    if (isWaiting(queue) && queue.timer === undefined && oldest !== undefined) {
      queue.timer = setTimeout(
        () => {
          queue.timer = undefined
          startWaiting(queue)
        },
        oldest + 1000 - time,
      )
    }
  }

  return {
    async run(provider_id, urgent, call) {
      const queue = queues.get(provider_id) ?? newQueue()
      queues.set(provider_id, queue)
      await new Promise<void>((start) => {
        queue[urgent ? 'urgent' : 'patient'].push(start)
        startWaiting(queue)
      })
      try {
        return await call()
      } finally {
        queue.running -= 1
        startWaiting(queue)
      }
    },
  }
}

function isFree(queue: Queue, limits: Limits): boolean {
  return queue.running < limits.at_once && queue.begun.length < limits.a_second
}

function isWaiting(queue: Queue): boolean {
  return queue.urgent.length + queue.patient.length > 0
}

/** Starts the next call in line, if there is one. */
function startNext(queue: Queue, time: number): boolean {
  const start = queue.urgent.shift() ?? queue.patient.shift()
  if (start === undefined) return false
  queue.running += 1
  queue.begun.push(time)
  start()
  return true
}

function newQueue(): Queue {
  return { urgent: [], patient: [], running: 0, begun: [], timer: undefined }
}
