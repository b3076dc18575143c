import { openKeyring } from '../../src/vault/keyring.ts'
import { tokenSetText } from '../../src/vault/token-set.ts'
import type { Countersign } from './countersign.ts'

/**
 * Puts another token into the connection with which the administrator authorized a runtime, as if
 * the Git host had narrowed the one there is.
 */
export async function swapToken(
  { database, vault_key, admin }: Countersign,
  { runtime_id, provider_id }: { runtime_id: string; provider_id: string },
  token: string,
): Promise<void> {
  const keyring = await openKeyring(database.db, vault_key)
  const row_id = (await admin.access(runtime_id)).authorization?.connection.id ?? ''
  const owner_id = admin.person.id
  const address = { purpose: 'token_set', row_id, owner_id, provider_id } as const
  const text = tokenSetText({ access_token: token, refresh_token: null })
  const box = await keyring.seal(address, text)
  await database.db.updateTable('connections').set({ box }).where('id', '=', row_id).execute()
}
