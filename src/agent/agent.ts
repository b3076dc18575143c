import { once } from 'node:events'
import { type ActsFor, ProblemError, type RuntimeClient } from '../contract/index.ts'
import { keepPersonSocket } from './kept-socket.ts'
import { OWN_FOLDER } from './person-socket.ts'
import { refusalFrom } from './refusal.ts'

const HEARTBEAT_MS = 60_000

/** Where the agent says what happens; a Pino logger is one. */
interface AgentLog {
  info: (fields: object, message: string) => void
  warn: (fields: object, message: string) => void
}

export interface AgentOptions {
  /** The way to the vault; it stays the caller's to close. */
  vault: RuntimeClient
  /** Each person's socket is `<socket_folder>/<person>/socket`, the runtime's own `runtime/socket`. */
  socket_folder: string
  /** Shown to administrators beside the runtime. */
  version: string
  signal: AbortSignal
  log: AgentLog
}

/** An agent that gives signs of life. Disposal closes its sockets. */
export interface Agent extends AsyncDisposable {
  /**
   * Opens the socket of a person or of the runtime itself, unless it is open.
   *
   * @returns its path
   * @throws {SocketFolderError}
   */
  answerFor(acts_for: ActsFor): Promise<string>
}

/**
 * The agent that stays: one socket for each of those it answers for, and a sign of life to the vault
 * once a minute. A vault that is away at start or later is waited for; only a runtime key that the
 * vault does not know ends the start.
 *
 * @throws {ProblemError} `runtime-key-invalid`
 */
export async function openAgent(options: AgentOptions): Promise<Agent> {
  const { vault, socket_folder, version, signal, log } = options
  await using stack = new AsyncDisposableStack()
  const beat = () => sendHeartbeat(vault, version, log, signal)
  const first = await beat()
  if (first instanceof ProblemError && first.type === 'runtime-key-invalid') throw first
  const timer = setInterval(beat, HEARTBEAT_MS).unref()
  stack.defer(() => clearInterval(timer))

  const opened = new Map<string, string>()
  const kept = stack.move()
  return {
    async answerFor(acts_for) {
      const who = 'person' in acts_for ? acts_for.person : OWN_FOLDER
      const open = opened.get(who)
      if (open !== undefined) return open
      const onRefusal = refusalLogger(log, who)
      const socket = await keepPersonSocket({
        socket_folder,
        vault,
        acts_for,
        onRefusal,
        onLost: (why) => log.warn({ person: who }, `Git gets no answer at the socket: ${why}`),
        onAgain: () => log.info({ person: who }, 'the socket was gone, and is open again'),
      })
      kept.use(socket)
      opened.set(who, socket.socket_path)
      log.info({ person: who, socket_path: socket.socket_path }, 'socket open')
      return socket.socket_path
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/**
 * Runs an agent for people, by their e-mail addresses, and for the runtime itself. Returns when
 * `signal` aborts and everything is closed.
 *
 * @throws {ProblemError} `runtime-key-invalid`
 * @throws {SocketFolderError}
 */
export async function runAgent(
  options: AgentOptions & {
    people: readonly string[]
    as_runtime: boolean
    onReady?: (sockets: ReadonlyMap<string, string>) => void
  },
): Promise<void> {
  const { people, as_runtime, signal, onReady } = options
  if (signal.aborted) return
  const ended = once(signal, 'abort')
  await using agent = await openAgent(options)
  const sockets = new Map<string, string>()
  for (const person of people) sockets.set(person, await agent.answerFor({ person }))
  if (as_runtime) sockets.set(OWN_FOLDER, await agent.answerFor({ as_runtime }))
  onReady?.(sockets)
  await ended
}

async function sendHeartbeat(
  vault: RuntimeClient,
  version: string,
  log: AgentLog,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    await vault.getRuntimeView({ query: { agent: version } }, { signal })
    return undefined
  } catch (error) {
    const { type, detail } = refusalFrom(error)
    if (!signal.aborted) log.warn({ type }, `no sign of life given: ${detail}`)
    return error
  }
}

function refusalLogger(log: AgentLog, person: string) {
  return ({ type, detail, page, cause: err }: ReturnType<typeof refusalFrom>, host: string) => {
    log.warn({ person, host, type, page, err }, `no credential: ${detail}`)
  }
}
