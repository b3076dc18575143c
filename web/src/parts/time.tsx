import { VisuallyHidden } from '@mantine/core'
import { useSyncExternalStore } from 'react'

const TICK_MS = 20_000

const exactFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short' })
const relativeFormat = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

const units: readonly (readonly [Intl.RelativeTimeFormatUnit, seconds: number])[] = [
  ['year', 31_536_000],
  ['month', 2_629_800],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

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

function relativeTime(at: number, now: number): string {
  const seconds = Math.round((at - now) / 1000)
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1]
  if (unit === 'second') return seconds > TICK_MS / 1000 ? 'in a moment' : 'just now'
  return relativeFormat.format(Math.round(seconds / size), unit).replace(/minutes?/, 'min')
}

/** The time, renewed often enough for words like "5 minutes ago". */
function useNow(): number {
  return useSyncExternalStore(everyTick, () => Math.floor(Date.now() / TICK_MS) * TICK_MS)
}

function everyTick(onTick: () => void): () => void {
  const timer = setInterval(onTick, TICK_MS)
  return () => clearInterval(timer)
}
