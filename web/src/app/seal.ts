import { useEffect } from 'react'
import type { BoxAddress } from '../../../src/seal/box.ts'
import type { VaultPublicKey } from '../../../src/seal/keys.ts'
import { orMissing } from './missing-part.ts'

/** Whether this page may seal: browsers have Web Crypto on HTTPS and localhost only. */
export function canSeal(): boolean {
  return globalThis.crypto?.subtle !== undefined
}

/** The code that seals, which a page needs only once something is sealed. */
const box = orMissing(() => import('../../../src/seal/box.ts'))

/** Has that code at hand while a secret is typed: by the time of sealing it may be out of reach. */
export function useSealAtHand(): void {
  useEffect(() => {
    // What goes wrong here is tried again, and told, when it is wanted.
    box().catch(() => undefined)
  }, [])
}

/** Seals a secret here: what leaves this browser, only the vault can open. */
export async function seal(
  key: VaultPublicKey,
  address: BoxAddress,
  secret: string,
): Promise<string> {
  const { sealBox } = await box()
  return sealBox(key, address, secret)
}
