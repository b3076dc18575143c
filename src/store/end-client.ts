import type pg from 'pg'

/** How long a server may take to say good-bye. */
const GOODBYE_MS = 2000

/**
 * Ends a connection, or hangs up when the server does not answer: one that has died without a word
 * would keep us for a quarter of an hour. What was ended already is waited for in the same way.
 */
export async function endClient(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => client.connection.stream.destroy(), GOODBYE_MS)
  try {
    await client.end()
  } finally {
    clearTimeout(timer)
  }
}
