import type { RuntimeView } from '../contract/index.ts'
import type { CommitIdentity } from './child-environment.ts'

export type PersonOnRuntime = NonNullable<RuntimeView['person']>
export type AuthorizationOnRuntime = PersonOnRuntime['authorizations'][number]

/** Whether the vault can be expected to hand the token out. It has the last word. */
export function isUsable({ status }: AuthorizationOnRuntime): boolean {
  return (
    status === 'valid' || status === 'expiring' || status === 'unverified' || status === 'checking'
  )
}

/**
 * As whom to commit: the account's name and e-mail at the Git host; its login where it has no name,
 * the person's own e-mail where it shows none.
 */
export function commitIdentity(
  person: Pick<PersonOnRuntime, 'name' | 'email'>,
  account: AuthorizationOnRuntime['account'],
): CommitIdentity {
  const names = [account.name, account.login, person.name, person.email]
  const emails = [account.email ?? '', person.email]
  return { name: firstAcceptable(names), email: firstAcceptable(emails) }
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
