import type { RuntimeView, TokenOnRuntime } from '../contract/index.ts'
import type { CommitIdentity } from './child-environment.ts'

export type PersonOnRuntime = NonNullable<RuntimeView['person']>

/**
 * As whom to commit: the account's name and e-mail at the Git host; its login where it has no name,
 * the owner's own e-mail where it shows none.
 */
export function commitIdentity(
  owner: Pick<PersonOnRuntime, 'name' | 'email'>,
  account: TokenOnRuntime['account'],
): CommitIdentity {
  const names = [account.name, account.login, owner.name, owner.email]
  const emails = [account.email ?? '', owner.email]
  return { name: firstAcceptable(names), email: firstAcceptable(emails) }
}

/**
 * The same for a robot account, which has no person behind it: where it shows no e-mail, one that
 * leads nowhere, in the form that Git hosts have for such.
 *
 * @see https://docs.github.com/en/account-and-profile/reference/email-addresses-reference#your-noreply-email-address
 */
export function robotIdentity(
  runtime: { name: string },
  base_url: string,
  account: TokenOnRuntime['account'],
): CommitIdentity {
  const email = `${account.login}@users.noreply.${new URL(base_url).hostname}`
  return commitIdentity({ name: runtime.name, email }, account)
}

/**
 * Git drops these characters at both ends of a name, refuses an empty rest, and takes `<`, `>` and
 * newlines out everywhere.
 *
 * @see https://github.com/git/git/blob/v2.39.5/ident.c crud
 */
function firstAcceptable(candidates: readonly string[]): string {
  const tidy = candidates.map((candidate) => candidate.replace(/[\p{Cc}<>]+/gu, ' ').trim())
  return tidy.find((candidate) => /[^\s.,:;"'\\]/.test(candidate)) ?? 'unknown'
}
