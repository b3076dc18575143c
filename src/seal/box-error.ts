export type BoxErrorCode = 'malformed' | 'wrong-key' | 'not-authentic' | 'too-large'

/** Why a box or a vault key was not accepted. Its message never holds any part of a secret. */
export class BoxError extends Error {
  readonly code: BoxErrorCode

  constructor(code: BoxErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'BoxError'
    this.code = code
  }
}
