import { ProblemError } from '../contract/index.ts'
import { readBoxHeader } from '../seal/box.ts'
import { BoxError } from '../seal/box-error.ts'
import type { VaultPublicKey } from '../seal/keys.ts'
import type { Db } from '../store/database.ts'

/**
 * The public key to seal to.
 *
 * @throws ProblemError `database-unavailable` until a vault has been started for the first time
 */
export async function currentVaultKey(db: Db): Promise<VaultPublicKey> {
  const key = await db
    .selectFrom('vault_keys')
    .select(['key_id', 'public_key'])
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (key === undefined) {
    throw new ProblemError(
      'database-unavailable',
      'No vault has been started yet, so there is no key to seal to. Start one, then try again.',
    )
  }
  return key
}

/**
 * Turns away a box that no vault here could open. The transaction that writes the box asks at its end:
 * it may have waited for a rotation of the key, and one that comes later finds the box.
 *
 * @throws ProblemError `box-not-authentic`, `vault-key-unknown`
 */
export async function refuseUnknownKey(db: Db, box: string): Promise<void> {
  try {
    const { key_id } = readBoxHeader(box)
    const key = await db
      .selectFrom('vault_keys')
      .select('key_id')
      .where('key_id', '=', key_id)
      .executeTakeFirst()
    if (key !== undefined) return
  } catch (error) {
    if (!(error instanceof BoxError)) throw error
    throw new ProblemError('box-not-authentic', 'Reload the page and enter the secret again.', {
      cause: error,
    })
  }
  throw new ProblemError('vault-key-unknown', 'Reload the page and enter the secret again.')
}
