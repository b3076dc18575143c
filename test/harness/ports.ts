import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below the range from which systems take ports for outgoing connections, on Linux from 32768. */
const FIRST = 10_000
const FOR_EACH_PROCESS = 50
const PROCESSES = 400

let next = 0

/**
 * A TCP port of the loopback interface that nothing uses. Each process gives out ports of a block
 * of its own, so that none is taken between being found free and being used.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const block = FIRST + (process.pid % PROCESSES) * FOR_EACH_PROCESS
    const port = block + (next % FOR_EACH_PROCESS)
    next += 1
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
