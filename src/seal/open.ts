import { type BoxAddress, boxAad, boxInfo, parseBox, unpad } from './box.ts'
import { BoxError } from './box-error.ts'
import type { VaultPrivateKey } from './keys.ts'
import { createBoxSuite } from './suite.ts'

/**
 * Opens a box at the address it was sealed for. Only `vault/` may import this file.
 *
 * @throws {BoxError} `malformed`, `too-large`; `wrong-key` when the box names another vault key;
 *   `not-authentic` when it was altered or sealed for another address
 * @see https://www.rfc-editor.org/rfc/rfc9180#section-6.1 single-shot decryption, mode base
 */
export async function openBox(
  privateKey: VaultPrivateKey,
  address: BoxAddress,
  box: string,
): Promise<Uint8Array> {
  const { key_id, enc, ct } = parseBox(box)
  if (key_id !== privateKey.key_id) {
    throw new BoxError('wrong-key', `the box was sealed to vault key ${key_id}`)
  }
  return unpad(await decrypt(privateKey, address, enc, ct))
}

async function decrypt(
  privateKey: VaultPrivateKey,
  address: BoxAddress,
  enc: Uint8Array<ArrayBuffer>,
  ct: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  try {
    const recipient = { recipientKey: privateKey.pair, enc: enc.buffer, info: boxInfo() }
    return new Uint8Array(await createBoxSuite().open(recipient, ct.buffer, boxAad(address)))
  } catch (cause) {
    throw new BoxError('not-authentic', 'the box was altered or belongs elsewhere', { cause })
  }
}
