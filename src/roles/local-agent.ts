import type { Logger } from 'pino'
import { openAgent } from '../agent/agent.ts'
import { SocketFolderError } from '../agent/socket-folder.ts'
import { listPeopleOnRuntime } from '../authorizations/people-on-runtime.ts'
import type { RuntimeClient } from '../contract/index.ts'
import { openBroker } from '../events/broker.ts'
import type { Database } from '../store/database.ts'

export interface LocalAgentOptions {
  vault: RuntimeClient
  socket_folder: string
  version: string
  signal: AbortSignal
  log: Logger
}

/**
 * The agent of a runtime in the vault's own process: a socket for each person who has authorized the
 * runtime, from that moment on. Who takes it back keeps the socket, and is told so there.
 *
 * @throws {ProblemError} `runtime-key-invalid`
 */
export async function startLocalAgent(
  { db, url }: Database,
  options: LocalAgentOptions,
): Promise<AsyncDisposable> {
  const { vault, log } = options
  await using resources = new AsyncDisposableStack()
  const agent = resources.use(await openAgent(options))
  const broker = resources.use(
    await openBroker(url, (error) => log.warn({ err: error }, 'event connection lost')),
  )

  const { runtime } = await vault.getRuntimeView({})

  async function answerForAll(): Promise<void> {
    for (const person of await listPeopleOnRuntime(db, runtime.id)) {
      await agent.answerFor({ person }).catch((error: unknown) => {
        // Another one's place may be good.
        if (error instanceof SocketFolderError) log.warn({ person }, `no socket: ${error.message}`)
        else log.error({ person, err: error }, 'no socket')
      })
    }
  }

  let following = Promise.resolve()
  let waiting = false
  /** Whatever comes before the people are read again is seen then. */
  function follow(): void {
    if (waiting) return
    waiting = true
    const again = () => {
      waiting = false
      return answerForAll()
    }
    const failed = (error: unknown) => log.warn({ err: error }, 'sockets may be missing')
    following = following.then(again).catch(failed)
  }
  resources.defer(() => following)
  resources.defer(broker.subscribe(({ name }) => name === 'access', follow, follow))
  follow()
  await following
  return resources.move()
}
