import { enqueue } from '../jobs/queue.ts'
import type { Trx } from '../store/database.ts'

/**
 * Destroys the connections among `ids` that no authorization uses any more, with their boxes.
 * The rows are locked first, so that nobody binds a new authorization to one on its way out. A grant
 * is kept, out of everybody's reach, until the provider has been told that it is over.
 */
export async function removeUnusedConnections(trx: Trx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const locked = await trx
    .selectFrom('connections')
    .select('id')
    .where('id', 'in', ids)
    .orderBy('id')
    .forUpdate()
    .execute()
  if (locked.length === 0) return
  const deleted = await trx
    .deleteFrom('connections')
    .where(
      'id',
      'in',
      locked.map((row) => row.id),
    )
    .where((row) =>
      row.not(
        row.exists(
          row
            .selectFrom('authorizations')
            .select('id')
            .whereRef('authorizations.connection_id', '=', 'connections.id'),
        ),
      ),
    )
    .returning(['id', 'owner_id', 'provider_id', 'client_row_id', 'account_login', 'box', 'status'])
    .execute()
  for (const { status, client_row_id, ...grant } of deleted) {
    if (client_row_id === null || status === 'reauthorization_required') continue
    await trx
      .insertInto('revocations')
      .values({ ...grant, client_row_id })
      .execute()
    await enqueue(trx, 'revoke-grant', { id: grant.id })
  }
}
