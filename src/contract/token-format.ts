import type { ProviderKind } from './resources.ts'

/** Longest token we accept, in characters. Known tokens stay well under it. */
export const MAX_TOKEN_LENGTH = 8192

/**
 * Prefixes by which Git hosts mark their tokens. Gitea's have none.
 *
 * @see https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
 * @see https://docs.gitlab.com/security/tokens/#token-prefixes
 */
const prefixes: readonly (readonly [prefix: string, name: string, kind?: ProviderKind])[] = [
  ['github_pat_', 'GitHub', 'github'],
  ['ghp_', 'GitHub', 'github'],
  ['gho_', 'GitHub', 'github'],
  ['ghu_', 'GitHub', 'github'],
  ['ghs_', 'GitHub', 'github'],
  ['ghr_', 'GitHub', 'github'],
  ['glpat-', 'GitLab', 'gitlab'],
  ['gloas-', 'GitLab', 'gitlab'],
  ['gldt-', 'GitLab', 'gitlab'],
  ['ATATT', 'Atlassian', 'bitbucket'],
  ['ATCTT', 'Bitbucket', 'bitbucket'],
  ['ATBB', 'Bitbucket', 'bitbucket'],
  ['csr_', 'Countersign (a runtime key)'],
  ['csl_', 'Countersign (a lease)'],
  ['csp_', 'Countersign (an API token)'],
]

/** What `tidyToken` makes of a pasted text. `notes` are sentences for the person. */
export interface TidyToken {
  token: string
  notes: string[]
}

/**
 * Takes away what a paste commonly adds around a token: white space, line breaks, quotes.
 * Nothing inside the token is changed.
 */
export function tidyToken(pasted: string): TidyToken {
  const notes: string[] = []
  let token = pasted.trim()
  if (token !== pasted) notes.push('Spaces or line breaks around the token were removed.')
  const unquoted = /^(["'`])([\s\S]*)\1$/.exec(token)?.[2]
  if (unquoted !== undefined) {
    token = unquoted.trim()
    notes.push('Quotes around the token were removed.')
  }
  return { token, notes }
}

/** The name of the Git host that marks its tokens with this one's prefix, if it is not `kind`. */
export function foreignTokenOwner(token: string, kind: ProviderKind): string | undefined {
  const match = prefixes.find(([prefix]) => token.startsWith(prefix))
  return match && match[2] !== kind ? match[1] : undefined
}

/** True when every character can stand in an HTTP header and a git-credential(1) line. */
export function isTokenText(token: string): boolean {
  return /^[\x21-\x7e]+$/.test(token)
}
