import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

const PREFIX = 'csr_'
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const RANDOM_CHARACTERS = 38
const CHECKSUM_CHARACTERS = 6

/** A new runtime key: `csr_`, 226 random bits, and a checksum by which secret scanners know it. */
export function newRuntimeKey(): string {
  const random = randomText(RANDOM_CHARACTERS)
  return PREFIX + random + checksum(random)
}

/** Whether `text` has the form of a runtime key, checksum included. Says nothing about validity. */
export function isRuntimeKey(text: string): boolean {
  const body = text.slice(PREFIX.length)
  const random = body.slice(0, RANDOM_CHARACTERS)
  return (
    text.startsWith(PREFIX) &&
    body.length === RANDOM_CHARACTERS + CHECKSUM_CHARACTERS &&
    body.slice(RANDOM_CHARACTERS) === checksum(random)
  )
}

/** What is stored instead of the key. The key is random enough for a plain hash. */
export function hashRuntimeKey(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}

/** The part of a key that may be shown, to tell two keys apart. */
export function runtimeKeyHint(key: string): string {
  return key.slice(-4)
}

function randomText(length: number): string {
  let text = ''
  while (text.length < length) {
    // Bytes from 248 up would make the first eight characters likelier than the rest.
    for (const byte of randomBytes(length)) {
      if (byte < 248 && text.length < length) text += ALPHABET[byte % 62]
    }
  }
  return text
}

function checksum(text: string): string {
  let rest = crc32(text)
  let digits = ''
  for (let index = 0; index < CHECKSUM_CHARACTERS; index += 1) {
    digits = ALPHABET[rest % 62] + digits
    rest = Math.floor(rest / 62)
  }
  return digits
}
