import type pg from 'pg'

/** Something between us and PostgreSQL hands its connections out by transaction. */
export class SharedSessionsError extends Error {
  override readonly name = 'SharedSessionsError'
}

/** A pooler with several connections of its own may give another one now and then. */
const LOOKS = 5

/**
 * Two connections that are open at once have a process of PostgreSQL each, for as long as they live.
 * A pooler in transaction mode has them share some: then what belongs to a connection, such as
 * `listen`, advisory locks and named statements, is lost or somebody else's.
 *
 * @throws {SharedSessionsError}
 */
export async function refuseSharedSessions(pool: pg.Pool): Promise<void> {
  using resources = new DisposableStack()
  const one = resources.adopt(await pool.connect(), (client) => client.release())
  const other = resources.adopt(await pool.connect(), (client) => client.release())
  const seen = { one: new Set<number>(), other: new Set<number>() }
  for (let look = 0; look < LOOKS; look += 1) {
    seen.one.add(await processOf(one))
    seen.other.add(await processOf(other))
  }
  if (seen.one.size === 1 && seen.other.size === 1 && seen.one.isDisjointFrom(seen.other)) return
  throw new SharedSessionsError(
    'DATABASE_URL leads to a pooler that hands out connections by transaction, with which nothing ' +
      'here works. Name PostgreSQL itself, or a pooler in session mode.',
  )
}

async function processOf(client: pg.PoolClient): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]?.pid ?? Number.NaN
}
