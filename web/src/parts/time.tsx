import { VisuallyHidden } from '@mantine/core'
import { useSyncExternalStore } from 'react'
import { relativeTime } from './relative-time.ts'

const TICK_MS = 20_000

const exactFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short' })

/** "in 3 weeks", with the exact time on hover and for screen readers. */
export function Time({ at }: { at: string }) {
  const now = useNow()
  const exact = exactFormat.format(new Date(at))
  return (
    <time dateTime={at} title={exact}>
      {relativeTime(Date.parse(at), now)}
      <VisuallyHidden> ({exact})</VisuallyHidden>
    </time>
  )
}

/** The time, renewed often enough for words like "5 minutes ago". */
function useNow(): number {
  return useSyncExternalStore(everyTick, () => Math.floor(Date.now() / TICK_MS) * TICK_MS)
}

function everyTick(onTick: () => void): () => void {
  const timer = setInterval(onTick, TICK_MS)
  return () => clearInterval(timer)
}
