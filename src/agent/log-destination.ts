import { pino } from 'pino'

/**
 * Where a log goes, by its file descriptor. One that cannot be written, as on a full disk, takes
 * nothing down with it, and holds up no end.
 */
export function logDestination(fd: number) {
  const destination = pino.destination(fd)
  return destination.on('error', () => {
    // At the end of the process this tries what is left again and again, until it can be written.
    destination.flushSync = () => {}
  })
}
