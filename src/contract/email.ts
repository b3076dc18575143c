import Type from 'typebox'

/** What better-auth lets sign in: whoever joins with another address could never come back. */
export const EMAIL_PATTERN =
  "^([A-Za-z0-9_'+-]+\\.)*[A-Za-z0-9_'+-]*[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9-]*\\.)+[A-Za-z]{2,}$"

/** Asks for an address that people can sign in with. */
export const EMAIL_HINT = 'Type an e-mail address, like ana@example.com.'

export const Email = Type.String({ format: 'email', pattern: EMAIL_PATTERN, maxLength: 320 })

const pattern = new RegExp(EMAIL_PATTERN)

export function isEmail(text: string): boolean {
  return pattern.test(text)
}
