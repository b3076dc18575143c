import { openSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import pino, { type DestinationStream, type LogFn, type Logger } from 'pino'
import { logDestination } from '../agent/log-destination.ts'
import type { Config } from '../config/config.ts'
import { ProblemError } from '../contract/index.ts'
import { isDatabaseAway } from '../store/database.ts'

/** How long nothing is said again that fails because the database is away. */
const SAID_MS = 10_000

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

/**
 * A log whose lines go to `destination`.
 *
 * @param now milliseconds of a clock that only goes forward
 */
export function createLog(
  level: string,
  destination: DestinationStream,
  now = () => performance.now(),
): Logger {
  const hooks = { logMethod: sparingly(now) }
  return pino({ level, base: null, serializers: { err: describe }, hooks }, destination)
}

/** While the database is away each request fails for the same cause, and would fill the log with it. */
function sparingly(now: () => number) {
  const said = new Map<string, number>()
  return function logMethod(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
    const [what, message = ''] = args as [unknown, string?]
    if (isOfDatabase((what as { err?: unknown }).err)) {
      const at = said.get(message)
      if (at !== undefined && now() - at < SAID_MS) return
      said.set(message, now())
    }
    method.apply(this, args)
  }
}

function isOfDatabase(error: unknown): boolean {
  if (error instanceof ProblemError) return error.type === 'database-unavailable'
  return isDatabaseAway(error)
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
