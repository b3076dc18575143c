import pg from 'pg'

/** Reads that are asked alike again and again. Those with a list are not: each length is a new text. */
const READ = /^\s*(select|with)\b(?!.* in \(\$)/is

/** Each takes PostgreSQL some dozen kilobytes on every connection. */
const MOST_NAMES = 256

/**
 * What the clients of a pool do beyond pg's: they name reads, and end when they can be of no use any
 * more, so that the pool replaces them.
 *
 * PostgreSQL keeps the plan of a named query for as long as the connection lives. Without it, it
 * spends ten times as long on planning the list of tokens as on reading it.
 *
 * @param onError hears why a client was ended
 * @returns to be called with each client of the pool
 */
export function poolClients(onError: (error: Error) => void): (client: pg.PoolClient) => void {
  const names = new Map<string, string>()

  function named(text: unknown, values: unknown): string | undefined {
    if (typeof text !== 'string' || !Array.isArray(values)) return undefined
    if (!names.has(text) && names.size < MOST_NAMES && READ.test(text)) {
      names.set(text, `read-${names.size}`)
    }
    return names.get(text)
  }

  return (client) => {
    const query: (...all: unknown[]) => unknown = client.query.bind(client)
    function queryOrEnd(...all: unknown[]): unknown {
      const [text, values, ...rest] = all
      const name = named(text, values)
      const answer = name === undefined ? query(...all) : query({ name, text, values }, ...rest)
      // Of a call with a callback there is no promise: those are the pool's own, which sees to it.
      if (answer instanceof Promise) {
        answer.catch((error: unknown) => {
          if (!isSilence(error) && !isLostConnection(error)) return
          onError(error)
          void client.end()
        })
      }
      return answer
    }
    client.query = queryOrEnd as pg.PoolClient['query']
  }
}

/**
 * pg gives up a query that has no answer, and goes on with its connection as if nothing were: whoever
 * gets that next would wait behind the same query.
 */
function isSilence(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout'
}

/**
 * True when a connection is of no use for as long as it lives: its server is one that only reads now,
 * after a failover (SQLSTATE 25006); or what it has named cannot be asked any more, because a newer
 * version has changed a table under it (0A000), or because PostgreSQL does not know the name (26000),
 * which pg goes on to use when a value could not be written the first time.
 */
export function isLostConnection(error: unknown): error is pg.DatabaseError {
  if (!(error instanceof pg.DatabaseError)) return false
  return error.routine === 'RevalidateCachedQuery' || /^(25006|26000)$/.test(error.code ?? '')
}
