import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { type BoxAddress, sealBox } from '../seal/box.ts'
import { importVaultPrivateKey } from '../seal/keys.ts'
import { openBox } from '../seal/open.ts'
import type { Db } from '../store/database.ts'
import { WrongVaultKeyError } from './wrong-vault-key-error.ts'

/** The private side of the boxes. Only a vault has one. */
export interface Keyring {
  readonly key_id: string
  readonly public_key: string
  /** Opens a box made for this address. @throws BoxError */
  open(address: BoxAddress, box: string): Promise<string>
  seal(address: BoxAddress, secret: string): Promise<string>
  /** Says "the same token as before" without saying which; useless without the private key. */
  fingerprint(secret: string): Buffer
  /** Encrypts for this vault's own disk, in one synchronous step. */
  sealNow(text: string): Buffer
  /** Undefined for what was not sealed here, or was altered, or is not whole. */
  openNow(sealed: Buffer): string | undefined
}

/** AES-256-GCM, NIST SP 800-38D. */
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * The keyring of a key, whatever it may open.
 *
 * @param secret the key's text form, `csk_…`
 * @throws BoxError when it is no vault key
 */
export async function keyringOf(secret: string): Promise<Keyring> {
  const key = await importVaultPrivateKey(secret)
  const { key_id, public_key } = key
  const derive = (purpose: string) => createHmac('sha256', secret).update(purpose).digest()
  const fingerprintKey = derive('countersign/fingerprint')
  const diskKey = derive('countersign/disk')
  return {
    key_id,
    public_key,
    open: async (address, box) => new TextDecoder().decode(await openBox(key, address, box)),
    seal: (address, plaintext) => sealBox(key, address, plaintext),
    fingerprint: (plaintext) => createHmac('sha256', fingerprintKey).update(plaintext).digest(),
    sealNow(text) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', diskKey, iv)
      return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    },
    openNow(sealed) {
      const iv = sealed.subarray(0, IV_BYTES)
      try {
        const decipher = createDecipheriv('aes-256-gcm', diskKey, iv)
        decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
        const text = decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES))
        return Buffer.concat([text, decipher.final()]).toString('utf8')
      } catch {
        return undefined
      }
    },
  }
}

/**
 * Makes this vault's key ready and known to everybody who seals.
 *
 * @param secret the key's text form, `csk_…`
 * @throws WrongVaultKeyError when the data belongs to another key
 */
export async function openKeyring(db: Db, secret: string): Promise<Keyring> {
  const keyring = await keyringOf(secret)
  const { key_id, public_key } = keyring
  await db.transaction().execute(async (trx) => {
    // Two vaults that start at once must not each find the table empty.
    await sql`lock table vault_keys in share row exclusive mode`.execute(trx)
    await sql`insert into vault_keys (key_id, public_key)
      select ${key_id}, ${public_key} where not exists (select from vault_keys)`.execute(trx)
  })
  await refuseOtherKey(db, key_id)
  return keyring
}

/** @throws WrongVaultKeyError when the data belongs to another key */
export async function refuseOtherKey(db: Db, key_id: string): Promise<void> {
  const known = await db.selectFrom('vault_keys').selectAll().orderBy('created_at').execute()
  if (!known.some((row) => row.key_id === key_id)) {
    const needed = known.map(
      (row) => `${row.key_id} (in use since ${row.created_at.toISOString()})`,
    )
    throw new WrongVaultKeyError(
      `The data in this database is sealed to vault key ${needed.join(' or ')}, but this vault ` +
        `was started with key ${key_id}. Start it with the key that the data needs.`,
    )
  }
}
