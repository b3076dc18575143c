import { useEffect, useState } from 'react'

/**
 * Whether something has gone on for a while.
 *
 * @param what names it; undefined: nothing goes on
 * @returns true from `ms` milliseconds on, as long as it is the same
 */
export function useLasting(what: string | undefined, ms: number): boolean {
  const [lasting, setLasting] = useState<string>()
  useEffect(() => {
    if (what === undefined) return
    const timer = setTimeout(() => setLasting(what), ms)
    return () => {
      clearTimeout(timer)
      setLasting(undefined)
    }
  }, [what, ms])
  return what !== undefined && lasting === what
}
