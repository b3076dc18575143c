import { openSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import pino, { type DestinationStream, type Logger } from 'pino'
import { logDestination } from '../agent/log-destination.ts'
import type { Config } from '../config/config.ts'

/** A log in the data folder, which leaves the terminal to the person. */
export async function fileLog(config: Config): Promise<Logger> {
  await mkdir(config.data_folder, { recursive: true, mode: 0o700 })
  const dest = join(config.data_folder, 'countersign.log')
  // Opened here, so that a folder that cannot be written is told before anything starts.
  return createLog(config.log_level, logDestination(openSync(dest, 'a', 0o600)))
}

/** A log on standard error, for the platform to collect. */
export function errorLog(config: Config): Logger {
  return createLog(config.log_level, logDestination(2))
}

/** A log whose lines go to `destination`. */
export function createLog(level: string, destination: DestinationStream): Logger {
  return pino({ level, base: null, serializers: { err: describe } }, destination)
}

/**
 * Only these parts of an error: libraries hang whole connections and queries on theirs, and what
 * is not written cannot leak.
 */
function describe(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: 'something that is no error was thrown' }
  // `JSON.parse` quotes what it could not read.
  if (error instanceof SyntaxError) return { name: error.name }
  const { name, message, stack, cause } = error
  const { code } = error as NodeJS.ErrnoException
  return { name, message, code, stack, ...(cause === undefined ? {} : { cause: describe(cause) }) }
}
