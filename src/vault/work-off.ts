/**
 * Works until nothing is left to take, at most so many at a time. More is taken as soon as any half
 * is done, so that the slowest never leave the rest idle.
 *
 * @param work a failure is its own affair
 * @returns whether there was anything to do
 */
export async function workOff<T>(
  most: number,
  take: (many: number) => Promise<T[]>,
  work: (one: T) => Promise<unknown>,
): Promise<boolean> {
  const underway = new Set<Promise<void>>()
  let some = false
  try {
    for (;;) {
      const taken = underway.size < most ? await take(most - underway.size) : []
      for (const one of taken) {
        const ended = () => void underway.delete(own)
        const own = work(one).then(ended, ended)
        underway.add(own)
      }
      if (underway.size === 0) return some
      some = true
      const half = Math.floor(underway.size / 2)
      while (underway.size > half) await Promise.race(underway)
    }
  } finally {
    await Promise.all(underway)
  }
}
