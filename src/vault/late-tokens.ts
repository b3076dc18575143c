import type { Db, Trx } from '../store/database.ts'
import { keepRevocation } from './keep-revocation.ts'
import type { Keyring } from './keyring.ts'
import type { Claimed } from './refresh-claim.ts'
import type { JournalPlace } from './refresh-journal.ts'
import { endReplaced } from './replaced-grant.ts'
import {
  readTokenSet,
  type TokenSet,
  tokenSetAddress,
  tokenSetText,
  tokensIn,
} from './token-set.ts'

/**
 * Has the provider told of what it granted after the connection was deleted, its app removed, or the
 * person authorized anew.
 */
export async function endLate(
  trx: Trx,
  keyring: Keyring,
  { version, ...row }: Claimed,
  box: string,
): Promise<'refreshed' | 'gone'> {
  const there = await trx
    .selectFrom('connections')
    .select(['client_row_id', 'version', 'box'])
    .where('id', '=', row.id)
    .executeTakeFirst()
  const next = version + 1
  if (there && there.client_row_id !== null) {
    // Further on, another vault may have brought this very answer home and refreshed it since. No
    // host says that its used-up refresh token ends nothing that came of it, so it is dropped.
    if (there.version > next) return 'refreshed'
    const tokens = await tokensIn(keyring, { ...row, box: there.box })
    if (tokens === undefined) return 'refreshed'
    const late = { ...row, box, former_client_id: null, former_client_secret_box: null }
    await endReplaced(trx, keyring, row, late, tokens)
    return 'refreshed'
  }
  const ended = { row_id: row.id, connection_id: row.id, version: next, box }
  await keepRevocation(trx, { ...row, ...ended })
  return 'gone'
}

/**
 * The same for an answer that was kept and is not the next one of its connection.
 *
 * @param kept which version of the connection it follows
 * @param there the connection, at another version; undefined: what is known of the grant is its
 *   revocation
 */
export async function endKept(
  { db, keyring }: { db: Db; keyring: Keyring },
  { connection_id, version }: JournalPlace,
  there: Claimed | undefined,
  tokens: TokenSet,
): Promise<void> {
  if (there !== undefined) {
    // What is newer than its connection is from before the database was restored.
    if (there.version < version) return
    const box = await keyring.seal(tokenSetAddress(there), tokenSetText(tokens))
    await db.transaction().execute((trx) => endLate(trx, keyring, { ...there, version }, box))
    return
  }
  const row = await db
    .selectFrom('revocations')
    .select([
      'row_id',
      'owner_id',
      'owner_kind',
      'provider_id',
      'client_row_id',
      'client_id',
      'client_secret_box',
      'account_login',
      'box',
    ])
    .where('connection_id', '=', connection_id)
    .executeTakeFirst()
  if (row === undefined) return
  const { owner_id, provider_id } = row
  const address = tokenSetAddress({ id: connection_id, owner_id, provider_id })
  const before = readTokenSet(await keyring.open(address, row.box))
  const next = { ...tokens, refresh_token: tokens.refresh_token ?? before.refresh_token }
  const box = await keyring.seal(address, tokenSetText(next))
  await db
    .transaction()
    .execute((trx) => keepRevocation(trx, { ...row, connection_id, version: version + 1, box }))
}
