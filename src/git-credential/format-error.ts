export type FormatReason =
  | 'too-large'
  | 'not-utf-8'
  | 'control-character'
  | 'not-an-attribute'
  | 'action-unknown'
  | 'timeout-invalid'

/** Why bytes are not what git-credential(1) writes. Its message never holds any of them. */
export class FormatError extends Error {
  readonly reason: FormatReason

  constructor(reason: FormatReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'FormatError'
    this.reason = reason
  }
}
