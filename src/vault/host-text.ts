import type { ProviderAccount } from '../providers/provider.ts'

/** Longer than the names that Git hosts give. */
const MOST_CHARACTERS = 255
/** What can be an address, of a length that one may have. */
const ADDRESS = /^[^\s\p{Cc}]{1,2000}$/u

/** An account as it is kept: what its host calls it, short and printable. */
export function tidyAccount(account: ProviderAccount): ProviderAccount {
  const { id, login, name, email, avatar_url } = account
  return {
    id: hostText(id),
    login: hostText(login),
    name: hostText(name),
    email: email === null ? null : hostText(email),
    avatar_url: avatar_url !== null && ADDRESS.test(avatar_url) ? avatar_url : null,
  }
}

/**
 * It goes to terminals, commits and the audit trail: on one line, in the order in which it is
 * written, and not as long as a host wants.
 */
function hostText(text: string): string {
  const printable = text.toWellFormed().replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, '')
  return [...printable].slice(0, MOST_CHARACTERS).join('')
}
