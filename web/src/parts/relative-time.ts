const format = new Intl.RelativeTimeFormat('en', { numeric: 'always' })

/**
 * Of the larger units there are two at least: rounded to one, what ends in ten days ended in a week.
 * Nor are there words such as *next year*, which in November are about January.
 */
const units: readonly (readonly [Intl.RelativeTimeFormatUnit, seconds: number, from: number])[] = [
  ['year', 31_536_000, 2],
  ['month', 2_629_800, 2],
  ['week', 604_800, 2],
  ['day', 86_400, 2],
  ['hour', 3_600, 1],
  ['minute', 60, 1],
]

/** Where *just now* begins. */
const NOW_SECONDS = 20

/** "in 3 weeks". @param at and `now`: milliseconds since 1970 */
export function relativeTime(at: number, now: number): string {
  const seconds = Math.round((at - now) / 1000)
  const [unit, size] = units.find(([, size, from]) => Math.abs(seconds) >= size * from) ?? []
  if (unit === undefined || size === undefined) {
    return seconds > NOW_SECONDS ? 'in a moment' : 'just now'
  }
  return format.format(Math.round(seconds / size), unit).replace(/minutes?/, 'min')
}
