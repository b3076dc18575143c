import type { Trx } from '../store/database.ts'

/**
 * Destroys the connections among `ids`, all of them people's, that no authorization uses any more,
 * with their boxes. The rows are locked first, so that nobody binds a new authorization to one on
 * its way out. Of a grant, the database keeps what is needed to tell the provider that it is over.
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
  await trx
    .deleteFrom('connections')
    .where(
      'id',
      'in',
      locked.map((row) => row.id),
    )
    .where('owner_kind', '=', 'person')
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
    .execute()
}

/**
 * Destroys a runtime's own tokens at some providers, with their boxes.
 *
 * @param kept the id of one that stays
 * @returns those that were there
 */
export async function removeRuntimeTokens(
  trx: Trx,
  row: { runtime_id: string; provider_ids: readonly string[] },
  kept?: string,
): Promise<{ id: string; account_login: string }[]> {
  return await trx
    .deleteFrom('connections')
    .where('runtime_id', '=', row.runtime_id)
    .where('provider_id', 'in', row.provider_ids)
    .$if(kept !== undefined, (query) => query.where('id', '!=', kept ?? ''))
    .returning(['id', 'account_login'])
    .execute()
}
