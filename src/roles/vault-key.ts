import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { readOrCreateSecret, readSecret } from '../config/secrets.ts'
import { generateVaultKey } from '../seal/keys.ts'
import type { Db } from '../store/database.ts'
import { WrongVaultKeyError } from '../vault/wrong-vault-key-error.ts'

/**
 * The vault's private key: from the environment, from its file, or, where nothing has been sealed
 * yet, a new one in that file.
 *
 * @param given from the environment
 * @throws WrongVaultKeyError when the data was sealed already and its key is not here
 */
export async function obtainVaultKey(
  db: Db,
  config: Config,
  given: string | undefined,
): Promise<string> {
  if (given !== undefined) return given
  const file = join(config.data_folder, 'vault.key')
  const kept = await readSecret(file)
  if (kept !== undefined) return kept
  const known = await db.selectFrom('vault_keys').select('key_id').execute()
  if (known.length > 0) {
    throw new WrongVaultKeyError(
      `The data in this database is sealed to vault key ${known.map((row) => row.key_id).join(' or ')}, ` +
        `and ${file} is not there. Restore it from your backup, or set COUNTERSIGN_VAULT_KEY.`,
    )
  }
  return await readOrCreateSecret(file, async () => (await generateVaultKey()).private_key)
}
