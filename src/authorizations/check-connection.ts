import { sql } from 'kysely'
import { type Connection, ProblemError } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { enqueue } from '../jobs/queue.ts'
import { decide } from '../policy/decide.ts'
import type { Db } from '../store/database.ts'
import { connectionRows, toConnection } from './connection-rows.ts'
import type { PersonRequest } from './person-request.ts'

/** Has a vault ask the Git host about a token now. @throws ProblemError `not-found` */
export async function requestCheck(
  db: Db,
  request: PersonRequest & { id: string },
): Promise<Connection> {
  const { person, ip, id } = request
  const attempt = {
    actor: person,
    action: 'connection.check',
    subject: 'one of their tokens',
    ip,
    owner_id: person.id,
    connection_id: id,
  } as const
  return await decide(db, attempt, async (trx) => {
    const updated = await trx
      .updateTable('connections')
      .set({ check_requested_at: sql<Date>`now()` })
      .where('id', '=', id)
      .where('owner_id', '=', person.id)
      .executeTakeFirst()
    if (updated.numUpdatedRows === 0n) {
      throw new ProblemError('not-found', 'This token is not, or no longer, among yours.')
    }
    await enqueue(trx, 'check-connection', { id }, `check-connection:${id}`)
    await announce(trx, { name: 'access', owner_id: person.id, id })
    return toConnection(
      await connectionRows(trx).where('connections.id', '=', id).executeTakeFirstOrThrow(),
    )
  })
}
