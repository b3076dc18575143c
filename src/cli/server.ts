import { setTimeout as pause } from 'node:timers/promises'
import { reasonOf } from '../agent/vault-client.ts'
import {
  type Client,
  createClient,
  EVENTS_PATH,
  ForeignAnswerError,
  ProblemError,
  problems,
} from '../contract/index.ts'
import { CommandError, exitCodes } from './terminal.ts'

/** A server, as the person whose token this is; without one, as nobody. */
export interface Server {
  url: string
  token: string | undefined
  /** Failures are `ProblemError`s, or a `CommandError` when there is no answer. */
  api: Client
}

/** Wait before a server that went away is asked again. */
const AGAIN_MS = 2_000

export function openServer(url: string, token: string | undefined, signal: AbortSignal): Server {
  const headers = authorization(token)
  const api = createClient({
    base_url: url,
    headers,
    fetch: async (target, init) => {
      try {
        return await fetch(target, { ...init, signal: init.signal ?? signal })
      } catch (error) {
        signal.throwIfAborted()
        throw new NoAnswerError(url, error)
      }
    },
  })
  return { url, token, api }
}

/** The server cannot be reached at present. */
class NoAnswerError extends CommandError {
  constructor(url: string, cause: unknown) {
    // `fetch` itself only says that it failed.
    const reason = reasonOf((cause instanceof Error && cause.cause) || cause)
    super(
      `Countersign does not answer at ${url} (${reason}). Check the address, and that it is running.`,
      exitCodes.failed,
      { cause },
    )
  }
}

/** True when a server may answer later: it is being started anew, perhaps. */
export function isAway(error: unknown): boolean {
  return error instanceof NoAnswerError || (error instanceof ProblemError && error.status >= 500)
}

/**
 * Calls `probe` now and whenever something of the person's has changed, until it gives something.
 * A server that goes away meanwhile is waited for.
 */
export async function untilThere<T>(
  server: Server,
  signal: AbortSignal,
  probe: () => Promise<T | undefined>,
): Promise<T> {
  for (;;) {
    try {
      const found = await whileConnected(server, signal, probe)
      if (found !== undefined) return found
    } catch (error) {
      signal.throwIfAborted()
      if (!isAway(error)) throw error
    }
    await pause(AGAIN_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

/** Undefined when the connection ends. */
async function whileConnected<T>(
  server: Server,
  signal: AbortSignal,
  probe: () => Promise<T | undefined>,
): Promise<T | undefined> {
  // Listening begins before looking, so that no change falls in between.
  const changes = await openChanges(server, signal)
  try {
    for (;;) {
      const found = await probe()
      if (found !== undefined || !(await somethingCame(changes))) return found
    }
  } finally {
    await changes.cancel().catch(() => {})
  }
}

/** Each chunk of the event stream, one that only keeps it open included, is a reason to look. */
async function openChanges(
  { url, token }: Server,
  signal: AbortSignal,
): Promise<ReadableStreamDefaultReader> {
  const response = await fetch(url + EVENTS_PATH, { headers: authorization(token), signal }).catch(
    (error: unknown) => {
      throw new NoAnswerError(url, error)
    },
  )
  if (response.status === 401) {
    throw new ProblemError('not-signed-in', 'The session has ended: countersign login')
  }
  if (!response.ok || response.body === null) throw new NoAnswerError(url, response.status)
  return response.body.getReader()
}

async function somethingCame(changes: ReadableStreamDefaultReader): Promise<boolean> {
  return await changes.read().then(
    ({ done }) => !done,
    () => false,
  )
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

/** What a refusal of the server says on a terminal: one line, with the way on. */
export function problemLine(problem: ProblemError): string {
  const { type, detail } = problem
  const isWhole = type === 'not-found' || problem instanceof ForeignAnswerError
  return isWhole ? detail : `${problems[type].title}. ${detail}`
}

/** Runs a command against a server; what the server refuses ends it with one line. */
export async function withRefusals<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    throw new CommandError(problemLine(error), exitCodes.failed, { cause: error })
  }
}
