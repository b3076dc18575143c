import { pino } from 'pino'

/** Of what cannot be written so much is kept, for a disk that has room again; later lines are lost. */
const MOST_UNWRITTEN_BYTES = 1024 * 1024

/**
 * Where a log goes, by its file descriptor. One that cannot be written, as on a full disk, takes
 * nothing down with it, and holds up no end.
 */
export function logDestination(fd: number) {
  const destination = pino.destination({ dest: fd, maxLength: MOST_UNWRITTEN_BYTES })
  return destination.on('error', () => {
    // At the end of the process this tries what is left again and again, until it can be written.
    destination.flushSync = () => {}
  })
}
