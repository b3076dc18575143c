import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Client } from 'pg'

/** A way to PostgreSQL over TCP on which connections can die without a word. */
export interface Network extends AsyncDisposable {
  /** The database, on this way. */
  url: string
  /**
   * From now on nothing comes through the connections that there are, in either direction, and
   * nobody is told that one was closed: as if a firewall had forgotten them.
   *
   * @param more also those that are yet to be made
   */
  silence(more?: { new_ones: true }): void
  /** Ends all connections, as a machine does that was away; from now on things come through again. */
  hangUp(): void
  /**
   * The next answer with these words is lost: its connection breaks just then.
   *
   * @returns when that has happened
   */
  loseAnswer(words: string): Promise<void>
  /**
   * The next answer with these words is kept back, and what follows it on its connection.
   *
   * @returns once it is; `release` lets it through
   */
  holdAnswer(words: string): Promise<{ release: () => void }>
}

export async function startNetwork(database_url: string): Promise<Network> {
  const target = new Client(database_url)
  const pairs = new Set<[Socket, Socket]>()
  let dead = false
  let awaited: { words: string; found: (pair: [Socket, Socket]) => void } | undefined
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connectTo(target)
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    far.on('data', (answer: Buffer) => {
      if (awaited === undefined || !answer.includes(awaited.words)) return
      awaited.found(pair)
      awaited = undefined
    })
    for (const [one, other] of [pair, [far, near] as const]) {
      one.pipe(other)
      // Whoever was told that the other side is gone has nothing to wait for.
      one.on('error', () => other.destroy())
    }
    if (dead) cut(pair)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  /** Does something about the next answer with these words, before it goes on its way. */
  const onAnswer = <T>(words: string, act: (pair: [Socket, Socket]) => T) =>
    new Promise<T>((done) => {
      awaited = { words, found: (pair) => done(act(pair)) }
    })
  function hangUp(): void {
    dead = false
    for (const socket of [...pairs].flat()) socket.destroy()
    pairs.clear()
  }
  const { port } = server.address() as AddressInfo
  const url = new URL(database_url)
  url.host = `127.0.0.1:${port}`

  return {
    url: url.href,
    silence(more) {
      dead = more !== undefined
      for (const pair of pairs) cut(pair)
    },
    loseAnswer: (words) =>
      onAnswer(words, (pair) => {
        for (const socket of pair) socket.destroy()
      }),
    holdAnswer: (words) =>
      onAnswer(words, ([near]) => {
        near.cork()
        return { release: () => near.uncork() }
      }),
    hangUp,
    async [Symbol.asyncDispose]() {
      hangUp()
      server.close()
      await once(server, 'close')
    },
  }
}

function connectTo({ host, port }: Client): Socket {
  const address = host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
  return connect({ ...address, allowHalfOpen: true })
}

/** What still comes is read, and goes nowhere. */
function cut([near, far]: [Socket, Socket]): void {
  for (const socket of [near, far]) {
    socket.unpipe()
    socket.removeAllListeners('error').on('error', () => {})
    socket.resume()
  }
}
