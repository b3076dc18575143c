import { readdirSync, readFileSync } from 'node:fs'

/** Of `/proc/PID/stat`: ticks of 10 ms, on every Linux that Node runs on. */
const TICK_MS = 10

interface Stat {
  parent: number
  /** Of the process itself. */
  own_ms: number
  /** Of children that have ended. */
  ended_ms: number
}

/** CPU time, in milliseconds, of a process. */
export function timeOf(pid: number): number {
  return statOf(pid)?.own_ms ?? 0
}

/** CPU time, in milliseconds, of a process and all its children, ended ones too. */
export function timeWithChildren(pid: number): number {
  const self = statOf(pid)
  if (self === undefined) return 0
  const living = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat?.parent === pid)
    .map((stat) => stat?.own_ms ?? 0)
  return living.reduce((sum, ms) => sum + ms, self.own_ms + self.ended_ms)
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name, in parentheses, may contain anything; what follows begins with field 3.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const field = (number: number) => Number(fields[number - 3])
    return {
      parent: field(4),
      own_ms: (field(14) + field(15)) * TICK_MS,
      ended_ms: (field(16) + field(17)) * TICK_MS,
    }
  } catch {
    return undefined
  }
}
