import { BoxError } from './box-error.ts'
import { decodeBase64Url, encodeBase64Url, utf8Bytes } from './encoding.ts'

/** What anyone may know of a vault: enough to seal to it. */
export interface VaultPublicKey {
  /** The first 16 characters of the base64url SHA-256 of the raw public key. */
  key_id: string
  /** base64url of the raw 32 bytes. */
  public_key: string
}

/** A vault key ready for use. The Web Crypto key inside cannot be exported again. */
export interface VaultPrivateKey extends VaultPublicKey {
  pair: { privateKey: WebCryptoKey; publicKey: WebCryptoKey }
}

/** `CryptoKey`, by the one path to its type that both a browser and Node know. */
type WebCryptoKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

const PREFIX = 'csk_'
const KEY_BYTES = 32
const KEY_CHARACTERS = 43
const CHECKSUM_CHARACTERS = 6
const KEY_ID_CHARACTERS = 16

/** The fixed start of a PKCS #8 X25519 key. @see https://www.rfc-editor.org/rfc/rfc8410#section-7 */
const PKCS8_START = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 110, 4, 34, 4, 32]

/**
 * Makes a new vault key.
 *
 * @returns the public half, and in `private_key` the text that {@link importVaultPrivateKey} reads:
 *   `csk_`, 43 characters of key, 6 of checksum. Secret scanners find it by
 *   `csk_[A-Za-z0-9_-]{49}`.
 */
export async function generateVaultKey(): Promise<VaultPublicKey & { private_key: string }> {
  const raw = crypto.getRandomValues(new Uint8Array(KEY_BYTES))
  const body = PREFIX + encodeBase64Url(raw)
  const private_key = body + (await checksum(body))
  const { key_id, public_key } = await importVaultPrivateKey(private_key)
  return { key_id, public_key, private_key }
}

/**
 * Reads the text form of a vault's private key.
 *
 * @throws {BoxError} `malformed`, also for a checksum that does not fit (a key cut short or mistyped)
 */
export async function importVaultPrivateKey(text: string): Promise<VaultPrivateKey> {
  const body = text.slice(0, PREFIX.length + KEY_CHARACTERS)
  const raw = decodeBase64Url(body.slice(PREFIX.length))
  const whole = text.length === body.length + CHECKSUM_CHARACTERS
  if (!whole || !body.startsWith(PREFIX) || raw?.length !== KEY_BYTES) {
    throw new BoxError('malformed', `a vault key starts with ${PREFIX} and has 53 characters`)
  }
  if (text.slice(body.length) !== (await checksum(body))) {
    throw new BoxError('malformed', 'the checksum of the vault key does not fit: it was mistyped')
  }
  const pkcs8 = Uint8Array.from([...PKCS8_START, ...raw])
  const algorithm = { name: 'X25519' }
  const usages = ['deriveBits'] as const
  const privateKey = await crypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, [...usages])
  const rawPublicKey = await derivePublicKey(privateKey)
  const publicKey = await crypto.subtle.importKey('raw', rawPublicKey, algorithm, true, [])
  return {
    key_id: await keyIdOf(rawPublicKey),
    public_key: encodeBase64Url(rawPublicKey),
    pair: { privateKey, publicKey },
  }
}

/**
 * The raw bytes of a public key whose id belongs to it. The check keeps a page from sealing to a
 * key that no vault will recognise.
 *
 * @throws {BoxError} `malformed`
 */
export async function decodePublicKey(key: VaultPublicKey): Promise<ArrayBuffer> {
  const raw = decodeBase64Url(key.public_key)
  if (raw?.length !== KEY_BYTES || (await keyIdOf(raw)) !== key.key_id) {
    throw new BoxError('malformed', 'this is not the public key of a vault')
  }
  return raw.buffer
}

/**
 * A public key is the private key times the base point, 9.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7748#section-6.1
 */
async function derivePublicKey(privateKey: WebCryptoKey): Promise<Uint8Array<ArrayBuffer>> {
  const basePoint = new Uint8Array(KEY_BYTES)
  basePoint[0] = 9
  const point = await crypto.subtle.importKey('raw', basePoint, { name: 'X25519' }, true, [])
  const bits = await crypto.subtle.deriveBits({ name: 'X25519', public: point }, privateKey, 256)
  return new Uint8Array(bits)
}

async function keyIdOf(rawPublicKey: Uint8Array<ArrayBuffer>): Promise<string> {
  return encodeBase64Url(await sha256(rawPublicKey)).slice(0, KEY_ID_CHARACTERS)
}

async function checksum(body: string): Promise<string> {
  return encodeBase64Url(await sha256(utf8Bytes(body))).slice(0, CHECKSUM_CHARACTERS)
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}
