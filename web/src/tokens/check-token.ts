import type { ProviderKind } from '../../../src/contract/resources.ts'
import {
  foreignTokenOwner,
  isTokenText,
  MAX_TOKEN_LENGTH,
} from '../../../src/contract/token-format.ts'

const numberFormat = new Intl.NumberFormat('en')

/**
 * What can be said against a token before it is sent.
 *
 * @param token tidied
 * @returns a sentence, or undefined when only the Git host can tell
 */
export function faultOf(
  token: string,
  kind: ProviderKind,
  providerName: string,
): string | undefined {
  if (token === '') return 'Paste a token first.'
  if (token.length > MAX_TOKEN_LENGTH) {
    const [length, most] = [token.length, MAX_TOKEN_LENGTH].map((n) => numberFormat.format(n))
    return `This is ${length} characters long, and no token has more than ${most}. Copy only the token.`
  }
  if (!isTokenText(token)) {
    return 'A token is one word of plain letters, digits and signs. Copy it again from the page where it was made.'
  }
  const owner = foreignTokenOwner(token, kind)
  return owner && `This is a token of ${owner}. Make one at ${providerName} and paste it here.`
}
