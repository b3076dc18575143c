import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** What the secrets that we issue begin with: `csr_` a runtime's key, `csp_` a person's token. */
export type SecretPrefix = 'csr_' | 'csp_'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const RANDOM_CHARACTERS = 38
const CHECKSUM_CHARACTERS = 6

/** A new secret: its prefix, 226 random bits, and a checksum by which secret scanners know it. */
export function newSecret(prefix: SecretPrefix): string {
  const random = randomText(RANDOM_CHARACTERS)
  return prefix + random + checksum(random)
}

/** Whether `text` has the form of such a secret, checksum included. Says nothing about validity. */
export function isSecret(prefix: SecretPrefix, text: string): boolean {
  const body = text.slice(prefix.length)
  const random = body.slice(0, RANDOM_CHARACTERS)
  return (
    text.startsWith(prefix) &&
    body.length === RANDOM_CHARACTERS + CHECKSUM_CHARACTERS &&
    body.slice(RANDOM_CHARACTERS) === checksum(random)
  )
}

/** What is stored instead of the secret, which is random enough for a plain hash. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
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
