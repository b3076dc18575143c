import type { ProviderKind } from './resources.ts'

/** Longest token we accept, in characters. Known tokens stay well under it. */
const MAX_TOKEN_LENGTH = 8192

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

/** What can be said against a token before anybody asks its Git host. */
export interface TokenFault {
  type: 'token-empty' | 'token-too-long' | 'token-of-another-provider' | 'token-malformed'
  /** Public; says what to do, after the title of the problem. */
  detail: string
}

const numberFormat = new Intl.NumberFormat('en')

/**
 * Whether a text can be seen to be no token of a Git host. Its own answer is needed for all else.
 *
 * @param token tidied
 * @param provider the Git host that it is for
 */
export function tokenFault(
  token: string,
  provider: { kind: ProviderKind; name: string },
): TokenFault | undefined {
  if (token === '') {
    return { type: 'token-empty', detail: `Paste the token that ${provider.name} made.` }
  }
  if (token.length > MAX_TOKEN_LENGTH) {
    const [length, most] = [token.length, MAX_TOKEN_LENGTH].map((n) => numberFormat.format(n))
    const detail = `It has ${length} characters, and tokens have at most ${most}. Copy only the token.`
    return { type: 'token-too-long', detail }
  }
  const owner = foreignTokenOwner(token, provider.kind)
  if (owner !== undefined) {
    const detail = `It is a token of ${owner}. Make one at ${provider.name} and paste it here.`
    return { type: 'token-of-another-provider', detail }
  }
  if (isTokenText(token)) return undefined
  return {
    type: 'token-malformed',
    detail: /\s/.test(token)
      ? 'It is several words, as a password or a sentence may be, and tokens have no spaces. ' +
        'Passwords are not taken here: copy only the token.'
      : 'It has characters that no token has. Copy it again from the page where it was made.',
  }
}

/** The name of the Git host that marks its tokens with this one's prefix, if it is not `kind`. */
function foreignTokenOwner(token: string, kind: ProviderKind): string | undefined {
  const match = prefixes.find(([prefix]) => token.startsWith(prefix))
  return match && match[2] !== kind ? match[1] : undefined
}

/** True when every character can stand in an HTTP header and a git-credential(1) line. */
function isTokenText(token: string): boolean {
  return /^[\x21-\x7e]+$/.test(token)
}
