import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** Below the range from which systems take ports for outgoing connections, on Linux from 32768. */
const FIRST = 10_000
const FOR_EACH_PROCESS = 50
const PROCESSES = 400

let next = 1
let block: Promise<number> | undefined

/**
 * A TCP port of the loopback interface that nothing uses. Each process gives out ports of a block
 * of its own, so that none is taken between being found free and being used.
 */
export async function freePort(): Promise<number> {
  block ??= takeBlock()
  for (;;) {
    const port = (await block) + next
    next = (next % (FOR_EACH_PROCESS - 1)) + 1
    const server = await listenAt(port)
    if (server === undefined) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

/** Who listens at the first port of a block has it, for as long as their process lives. */
async function takeBlock(): Promise<number> {
  for (let at = process.pid; ; at += 1) {
    const first = FIRST + (at % PROCESSES) * FOR_EACH_PROCESS
    const server = await listenAt(first)
    if (server === undefined) continue
    server.unref()
    return first
  }
}

async function listenAt(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, '127.0.0.1')
  return await once(server, 'listening').then(
    () => server,
    () => undefined,
  )
}
