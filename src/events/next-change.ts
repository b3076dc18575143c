import type { Broker } from './broker.ts'

/** One change that is waited for. Dispose stops listening. */
export interface NextChange extends Disposable {
  /** Resolves at a change about the id, when changes may have been missed, or when time is up. */
  happened: Promise<void>
}

/** Listens, from now on, for a change that is about `id`, for at most `ms` milliseconds. */
export function nextChange(broker: Broker, id: string, ms: number): NextChange {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  const unsubscribe = broker.subscribe(
    (change) => change.id === id,
    () => resolve(),
    resolve,
  )
  return {
    happened: promise,
    [Symbol.dispose]() {
      clearTimeout(timer)
      unsubscribe()
      resolve()
    },
  }
}
