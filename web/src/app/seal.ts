import { type BoxAddress, sealBox } from '../../../src/seal/box.ts'
import type { VaultPublicKey } from '../../../src/seal/keys.ts'

/** Whether this page may seal: browsers have Web Crypto on HTTPS and localhost only. */
export function canSeal(): boolean {
  return globalThis.crypto?.subtle !== undefined
}

/** Seals a secret here: what leaves this browser, only the vault can open. */
export function seal(key: VaultPublicKey, address: BoxAddress, secret: string): Promise<string> {
  return sealBox(key, address, secret)
}
