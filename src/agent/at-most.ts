/** Does so many things at a time at most; those that come beyond wait, and go in their order. */
export function atMost(many: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let underway = 0
  return async (work) => {
    if (underway < many) underway += 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      // Whoever goes next takes this place.
      if (next === undefined) underway -= 1
      else next()
    }
  }
}
