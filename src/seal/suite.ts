import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'

/**
 * A new suite for one operation: the library lets contexts share nothing but this object, and one
 * per operation keeps module state away at no measurable cost.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9180#section-7 ids 0x0020, 0x0001, 0x0002
 */
export function createBoxSuite(): CipherSuite {
  return new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  })
}
