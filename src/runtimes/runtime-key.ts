import { hashSecret, isSecret, newSecret } from '../policy/issued-secret.ts'

const PREFIX = 'csr_'

/** A new runtime key: `csr_`, 226 random bits, and a checksum by which secret scanners know it. */
export function newRuntimeKey(): string {
  return newSecret(PREFIX)
}

/** Whether `text` has the form of a runtime key, checksum included. Says nothing about validity. */
export function isRuntimeKey(text: string): boolean {
  return isSecret(PREFIX, text)
}

/** What is stored instead of the key. */
export function hashRuntimeKey(key: string): Buffer {
  return hashSecret(key)
}

/** The part of a key that may be shown, to tell two keys apart. */
export function runtimeKeyHint(key: string): string {
  return key.slice(-4)
}
