import { useEffect, useState } from 'react'

/**
 * Gives the focus back, when the component goes away, to what had it before; or to the element with
 * this id when that is gone too or nothing had it.
 */
export function useReturnFocus(id?: string): void {
  const [before] = useState(() => document.activeElement)
  useEffect(
    () => () => {
      setTimeout(() => {
        if (document.activeElement !== document.body) return
        const known = before instanceof HTMLElement && before.isConnected ? before : undefined
        const target = known === document.body ? undefined : known
        const back = target ?? (id ? document.getElementById(id) : undefined)
        back?.focus({ preventScroll: true })
      })
    },
    [before, id],
  )
}
