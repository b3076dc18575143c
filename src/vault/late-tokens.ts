import type { Db, Trx } from '../store/database.ts'
import { keepRevocation } from './keep-revocation.ts'
import type { Keyring } from './keyring.ts'
import type { AskedGrant } from './refresh-claim.ts'
import { endReplaced } from './replaced-grant.ts'
import { type TokenSet, tokenSetAddress, tokenSetText, tokensIn } from './token-set.ts'

/**
 * Has the provider told of what it granted after the connection was deleted, its app removed, or the
 * person authorized anew.
 */
export async function endLate(
  trx: Trx,
  keyring: Keyring,
  { version, ...row }: AskedGrant,
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
    // host says that its used-up refresh token ends nothing that came of it, so it is dropped. So is
    // what is newer than its connection, which is from before the database was restored.
    if (there.version !== next) return 'refreshed'
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

/** The same for an answer that was kept and is not the next one of its connection. */
export async function endKept(
  { db, keyring }: { db: Db; keyring: Keyring },
  grant: AskedGrant,
  { access_token, refresh_token }: TokenSet,
): Promise<void> {
  const before = await tokensIn(keyring, grant)
  const tokens = { access_token, refresh_token: refresh_token ?? before?.refresh_token ?? null }
  const box = await keyring.seal(tokenSetAddress(grant), tokenSetText(tokens))
  await db.transaction().execute((trx) => endLate(trx, keyring, grant, box))
}
