import { sql } from 'kysely'
import { type Connection, ProblemError } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { enqueue } from '../jobs/queue.ts'
import { decide } from '../policy/decide.ts'
import type { Db, Trx } from '../store/database.ts'
import { connectionRows, toConnection } from './connection-rows.ts'
import type { PersonRequest } from './person-request.ts'

/**
 * Has a vault ask about a connection as soon as `trx` has committed: its owner waits for it.
 *
 * @returns false when there is none such
 */
export async function askForCheck(
  trx: Trx,
  { id, owner_id }: { id: string; owner_id: string },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('connections')
    .set({ check_requested_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('owner_id', '=', owner_id)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) return false
  await enqueue(trx, 'check-connection', { id }, `check-connection:${id}`)
  return true
}

/** Has a vault ask the Git host about a token now. @throws ProblemError `not-found` */
export async function requestCheck(
  db: Db,
  request: PersonRequest & { id: string },
): Promise<Connection> {
  const { person, ip, id } = request
  const token = await db
    .selectFrom('connections')
    .innerJoin('providers', 'providers.id', 'connections.provider_id')
    .select(['account_login', 'providers.name as provider'])
    .where('connections.id', '=', id)
    .where('owner_id', '=', person.id)
    .executeTakeFirst()
  if (token === undefined) throw notTheirs()
  const attempt = {
    actor: person,
    action: 'connection.check',
    subject: `token of ${token.account_login} at ${token.provider}`,
    ip,
    owner_id: person.id,
    connection_id: id,
  } as const
  return await decide(db, attempt, async (trx) => {
    if (!(await askForCheck(trx, { id, owner_id: person.id }))) throw notTheirs()
    await announce(trx, { name: 'access', owner_id: person.id, id })
    return toConnection(
      await connectionRows(trx).where('connections.id', '=', id).executeTakeFirstOrThrow(),
    )
  })
}

function notTheirs(): ProblemError {
  return new ProblemError('not-found', 'This token is not, or no longer, among yours.')
}
