import { enqueueBehind } from '../jobs/queue.ts'
import type { Db, Trx } from '../store/database.ts'
import { isBefore, keepRevocation } from './keep-revocation.ts'
import type { Keyring } from './keyring.ts'
import type { Claimed } from './refresh-claim.ts'
import { readTokenSet, type TokenSet, tokenSetAddress, tokenSetText } from './token-set.ts'

/** Has the provider told of what it granted after the connection was deleted, or its app removed. */
export async function endLate(trx: Trx, row: Claimed, box: string): Promise<'refreshed' | 'gone'> {
  const there = await trx
    .selectFrom('connections')
    .select('client_row_id')
    .where('id', '=', row.id)
    .executeTakeFirst()
  // Somebody authorized anew meanwhile.
  if (there && there.client_row_id !== null) return 'refreshed'
  const ended = { row_id: row.id, connection_id: row.id, version: row.version + 1, box }
  await keepRevocation(trx, { ...row, ...ended })
  return 'gone'
}

/**
 * The same for an answer that was kept: what is known of the grant is its revocation.
 *
 * @param version of the connection that the answer made, or would have made
 */
export async function endKept(
  { db, keyring }: { db: Db; keyring: Keyring },
  { connection_id, version }: { connection_id: string; version: number },
  tokens: TokenSet,
): Promise<void> {
  const row = await db
    .selectFrom('revocations')
    .select(['id', 'owner_id', 'provider_id', 'box'])
    .where('connection_id', '=', connection_id)
    .where(isBefore(version))
    .executeTakeFirst()
  if (row === undefined) return
  const { id, owner_id, provider_id } = row
  const address = tokenSetAddress({ id: connection_id, owner_id, provider_id })
  const before = readTokenSet(await keyring.open(address, row.box))
  const next = { ...tokens, refresh_token: tokens.refresh_token ?? before.refresh_token }
  const box = await keyring.seal(address, tokenSetText(next))
  await db.transaction().execute(async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('revocations')
      .set({ box, version })
      .where('id', '=', id)
      .where(isBefore(version))
      .executeTakeFirst()
    if (numUpdatedRows > 0n) await enqueueBehind(trx, 'revoke-grant', id)
  })
}
