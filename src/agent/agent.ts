import { once } from 'node:events'
import { type ActsFor, ProblemError } from '../contract/index.ts'
import { OWN_FOLDER, openPersonSocket } from './person-socket.ts'
import { refusalFrom } from './refusal.ts'
import { openVaultClient, type VaultClient } from './vault-client.ts'

const HEARTBEAT_MS = 60_000

/** Where the agent says what happens; a Pino logger is one. */
interface AgentLog {
  info: (fields: object, message: string) => void
  warn: (fields: object, message: string) => void
}

export interface AgentOptions {
  vault_url: string
  runtime_key: string
  /** Each person's socket is `<socket_folder>/<person>/socket`, the runtime's own `runtime/socket`. */
  socket_folder: string
  /** E-mail addresses. */
  people: readonly string[]
  /** Whether there is a socket for the runtime itself, too. */
  as_runtime: boolean
  /** Shown to administrators beside the runtime. */
  version: string
  signal: AbortSignal
  onReady?: (sockets: ReadonlyMap<string, string>) => void
  log: AgentLog
}

/**
 * The agent that stays: one socket for each person and for the runtime itself, and a sign of life to the vault once a minute.
 * Returns when `signal` aborts and everything is closed. A vault that is away at start or later is
 * waited for; only a runtime key that the vault does not know ends the start.
 *
 * @throws {ProblemError} `runtime-key-invalid`
 * @throws {SocketFolderError}
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const { socket_folder, people, as_runtime, version, signal, log } = options
  if (signal.aborted) return
  const ended = once(signal, 'abort')
  await using stack = new AsyncDisposableStack()
  const vault = stack.use(openVaultClient(options))

  const beat = () => sendHeartbeat(vault, version, log, signal)
  const first = await beat()
  if (first instanceof ProblemError && first.type === 'runtime-key-invalid') throw first

  const sockets = new Map<string, string>()
  const all: ActsFor[] = people.map((person) => ({ person }))
  if (as_runtime) all.push({ as_runtime })
  for (const acts_for of all) {
    const who = 'person' in acts_for ? acts_for.person : OWN_FOLDER
    const onRefusal = refusalLogger(log, who)
    const socket = await openPersonSocket({ socket_folder, vault, acts_for, onRefusal })
    stack.use(socket)
    sockets.set(who, socket.socket_path)
  }
  const timer = setInterval(beat, HEARTBEAT_MS).unref()
  stack.defer(() => clearInterval(timer))

  for (const [person, socket_path] of sockets) log.info({ person, socket_path }, 'socket open')
  options.onReady?.(sockets)
  await ended
}

async function sendHeartbeat(
  vault: VaultClient,
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
  return ({ type, detail, page }: ReturnType<typeof refusalFrom>, host: string) => {
    log.warn({ person, host, type, page }, `no credential: ${detail}`)
  }
}
