import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'

const EVERY_MS = 5_000

/**
 * Reads a list again every few seconds. Most that is in the audit trail is no event: credentials,
 * refusals and sign-ins come in numbers that would have every page read for each of them. Nothing
 * moves under somebody who has scrolled down, and nothing is read for a page that nobody sees.
 *
 * @param name first part of the query key
 */
export function useKeptCurrent(name: string): void {
  const queryClient = useQueryClient()
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState !== 'visible' || window.scrollY > 0) return
      // An answer that takes longer than this is waited for.
      void queryClient.invalidateQueries({ queryKey: [name] }, { cancelRefetch: false })
    }, EVERY_MS)
    return () => clearInterval(timer)
  }, [queryClient, name])
}
