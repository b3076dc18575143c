import { BoxError } from './box-error.ts'
import { decodeBase64Url, encodeBase64Url, utf8Bytes } from './encoding.ts'
import { decodePublicKey, type VaultPublicKey } from './keys.ts'
import { createBoxSuite } from './suite.ts'

export type BoxPurpose =
  | 'candidate'
  | 'token_set'
  | 'client_secret'
  | 'authorization_code'
  | 'code_verifier'
  | 'device_code'
  | 'webhook_secret'

/** The one place where a box may be opened. It is authenticated, not stored in the box. */
export interface BoxAddress {
  purpose: BoxPurpose
  row_id: string
  owner_id: string
  provider_id: string
}

export interface BoxHeader {
  version: 1
  key_id: string
}

/** The parts of a box after its text form has been taken apart. */
interface BoxParts extends BoxHeader {
  enc: Uint8Array<ArrayBuffer>
  ct: Uint8Array<ArrayBuffer>
}

export const MAX_PLAINTEXT_BYTES = 64 * 1024

const BOX_VERSION = 1
const BOX_PREFIX = `csb${BOX_VERSION}`
const PADDING_BLOCK_BYTES = 256
const ENC_BYTES = 32
const TAG_BYTES = 16
const MAX_CT_BYTES = paddedLength(MAX_PLAINTEXT_BYTES) + TAG_BYTES
const MAX_BOX_CHARACTERS = `${BOX_PREFIX}...`.length + 16 + 43 + Math.ceil((MAX_CT_BYTES * 4) / 3)

/**
 * Seals a secret to a vault, for one address.
 *
 * The ciphertext is padded, so that its length does not tell which kind of token it holds.
 *
 * @param plaintext up to 64 KiB; a string is taken as UTF-8
 * @returns the text form `csb1.<key_id>.<enc>.<ct>`, `enc` and `ct` in base64url
 * @throws {BoxError} `too-large`; `malformed` when `key` is no vault key
 * @see https://www.rfc-editor.org/rfc/rfc9180#section-6.1 single-shot encryption, mode base
 */
export async function sealBox(
  key: VaultPublicKey,
  address: BoxAddress,
  plaintext: Uint8Array | string,
): Promise<string> {
  const secret = typeof plaintext === 'string' ? utf8Bytes(plaintext) : plaintext
  if (secret.length > MAX_PLAINTEXT_BYTES) {
    throw new BoxError('too-large', `a box holds at most ${MAX_PLAINTEXT_BYTES} bytes`)
  }
  const suite = createBoxSuite()
  const recipientPublicKey = await suite.kem.deserializePublicKey(await decodePublicKey(key))
  const { enc, ct } = await suite.seal(
    { recipientPublicKey, info: boxInfo() },
    pad(secret),
    boxAad(address),
  )
  const parts = [new Uint8Array(enc), new Uint8Array(ct)].map(encodeBase64Url)
  return [BOX_PREFIX, key.key_id, ...parts].join('.')
}

/** What all boxes that are sealed to this key begin with, and no others. */
export function boxesOf({ key_id }: Pick<VaultPublicKey, 'key_id'>): string {
  return `${BOX_PREFIX}.${key_id}.`
}

/**
 * Reads which format and which vault key a box was made for, without opening it.
 *
 * @throws {BoxError} `malformed`, or `too-large` for a text that no box can have
 */
export function readBoxHeader(box: string): BoxHeader {
  const { version, key_id } = parseBox(box)
  return { version, key_id }
}

/** Takes the text form apart. @throws {BoxError} `malformed`, `too-large` */
export function parseBox(box: string): BoxParts {
  if (box.length > MAX_BOX_CHARACTERS) throw new BoxError('too-large', 'the box is too large')
  const [prefix, key_id, encText, ctText, ...rest] = box.split('.')
  if (prefix !== BOX_PREFIX || rest.length > 0) throw malformed()
  if (key_id === undefined || !/^[A-Za-z0-9_-]{16}$/.test(key_id)) throw malformed()
  const enc = decodeBase64Url(encText ?? '')
  const ct = decodeBase64Url(ctText ?? '')
  if (enc?.length !== ENC_BYTES || ct === undefined) throw malformed()
  if (ct.length <= TAG_BYTES || (ct.length - TAG_BYTES) % PADDING_BLOCK_BYTES !== 0) {
    throw malformed()
  }
  return { version: BOX_VERSION, key_id, enc, ct }
}

/** Separates our boxes from every other use of the same key. */
export function boxInfo(): ArrayBuffer {
  return utf8Bytes('countersign/box/v1').buffer
}

/** A JSON array of a number and four strings has one spelling and one reading. */
export function boxAad(address: BoxAddress): ArrayBuffer {
  const { purpose, row_id, owner_id, provider_id } = address
  return utf8Bytes(JSON.stringify([BOX_VERSION, purpose, row_id, owner_id, provider_id])).buffer
}

/**
 * Removes the padding: everything from the last 0x80 on, which only zeros may follow.
 *
 * @throws {BoxError} `malformed`: anyone can seal to a public key, so an authentic box may still
 *   hold nonsense
 */
export function unpad(padded: Uint8Array): Uint8Array {
  let end = padded.length - 1
  while (end >= 0 && padded[end] === 0) end -= 1
  if (end < 0 || padded[end] !== 0x80) throw malformed()
  return padded.slice(0, end)
}

/**
 * ISO/IEC 7816-4 padding: 0x80, then zeros up to a full block. A token's length names its provider
 * and kind (40 characters: a classic GitHub token); in whole blocks nearly all of them look alike.
 */
function pad(secret: Uint8Array): ArrayBuffer {
  const padded = new Uint8Array(paddedLength(secret.length))
  padded.set(secret)
  padded[secret.length] = 0x80
  return padded.buffer
}

function paddedLength(length: number): number {
  return (Math.floor(length / PADDING_BLOCK_BYTES) + 1) * PADDING_BLOCK_BYTES
}

function malformed(): BoxError {
  return new BoxError('malformed', 'this is not a box')
}
