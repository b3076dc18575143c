import { field, pathOf, textField, unexpected } from './answer.ts'
import { repositoryAtPath } from './clone-path.ts'
import { offers } from './git-access.ts'
import {
  type OAuthFacts,
  type ProviderAccount,
  type ProviderAdapter,
  type ProviderAnswer,
  type ProviderHttp,
  ProviderUnavailable,
  type RepositoryAccess,
  type RepositoryName,
  type TokenCredential,
  TokenRefused,
} from './provider.ts'

/** What Gitea and Forgejo have in common: everything but how the scopes of a token are found out. */
export const giteaApi = {
  required_scopes: {
    person: [
      { scope: 'read:user', reason: 'to see whose token it is' },
      { scope: 'write:repository', reason: 'to clone, fetch and push' },
    ],
    runtime: [
      { scope: 'read:user', reason: 'to see whose token it is' },
      { scope: 'write:repository', reason: 'to clone, fetch, push and keep webhooks' },
    ],
  },
  oauth: {
    server: (base_url) => ({
      issuer: base_url,
      authorization_endpoint: `${base_url}/login/oauth/authorize`,
      token_endpoint: `${base_url}/login/oauth/access_token`,
    }),
    // With Basic, RFC 6749 §2.3.1 has id and secret encoded first, which Gitea does not undo.
    client_authentication: 'client_secret_post',
    // @see https://docs.gitea.com/development/oauth2-provider#client-types
    // @see https://forgejo.org/docs/latest/user/oauth2-provider/#client-types
    public_clients: true,
    authorization_parameters: {},
    default_scopes: {
      person: ['read:user', 'write:repository'],
      runtime: ['read:user', 'write:repository'],
    },
    refresh_repeats: [],
    // One word for a token that was used, a code that is wrong and a client that is: only the
    // description tells them apart.
    dead_grant_errors: [
      'unauthorized_client: unable to parse refresh token',
      'unauthorized_client: token was already used',
      'unauthorized_client: client is not authorized',
    ],
    misconfigured_errors: [],
    // Said when another refresh came first, and when the host's database did not answer. A token that
    // is dead by then is refused in other words the next time.
    // @see https://github.com/go-gitea/gitea/blob/v1.27.3/services/oauth2_provider/access_token.go
    transient_errors: ['invalid_grant: cannot increase the grant counter'],
  } satisfies OAuthFacts,
  origins: () => [],
  gitCredential: ({ token }) => ({ username: 'oauth2', password: token }),
  hasScope,
  looksLikeToken: (text) => /^[0-9a-f]{40}$/.test(text) || /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text),
  pages: (base_url) => {
    const query = new URLSearchParams({ name: 'countersign', scopes: 'read:user,write:repository' })
    const tokens = `${base_url}/user/settings/applications`
    // Gitea ignores the query; other forges that speak its API may fill in the form.
    const new_token = `${tokens}?${query}`
    return { new_token, scopes_filled_in: false, tokens, grants: tokens, new_client: tokens }
  },
  repositoryAccess,
  repositoryAt: repositoryAtPath,
} satisfies Partial<ProviderAdapter>

/** `write:x` includes `read:x`; `all` includes everything. `public-only` limits, it grants nothing. */
function hasScope(granted: readonly string[], needed: string): boolean {
  return (
    granted.includes('all') ||
    granted.includes(needed) ||
    granted.includes(needed.replace(/^read:/, 'write:'))
  )
}

export function authorizationOf({ token }: TokenCredential): string {
  return `token ${token}`
}

/** The version that the host states; Forgejo's names the Gitea that it is compatible with. */
export async function statedVersion(http: ProviderHttp): Promise<string | undefined> {
  const { status, body } = await http.request('/api/v1/version')
  return status === 200 ? textField(body, 'version') : undefined
}

/** Reads the answer to `GET /api/v1/user`. */
export function accountOf(
  http: ProviderHttp,
  label: string,
  { status, body }: ProviderAnswer,
): ProviderAccount {
  const id = field(body, 'id')
  const login = textField(body, 'login')
  if (status !== 200 || typeof id !== 'number' || login === undefined) {
    throw unexpected(http, label)
  }
  return {
    id: String(id),
    login,
    name: textField(body, 'full_name') || login,
    email: textField(body, 'email') || null,
    avatar_url: textField(body, 'avatar_url') || null,
  }
}

async function repositoryAccess(
  http: ProviderHttp,
  credential: TokenCredential,
  { owner, name }: RepositoryName,
): Promise<RepositoryAccess> {
  return await accessAt(http, credential, pathOf(owner, name), MOST_MOVES)
}

/** The repository and its owner may each have been renamed. */
const MOST_MOVES = 2

/** `permissions` are the account's. A token that was let that far may read; Git tells the rest. */
async function accessAt(
  http: ProviderHttp,
  credential: TokenCredential,
  path: string,
  moves: number,
): Promise<RepositoryAccess> {
  const authorization = authorizationOf(credential)
  const without_body = [301, 307]
  const answer = await http.request(`/api/v1/repos/${path}`, { authorization, without_body })
  refuseBadCredential(http, answer)
  const to = moves > 0 ? movedTo(http, answer) : undefined
  if (to !== undefined) return await accessAt(http, credential, to, moves - 1)
  const { status, body } = answer
  if ((status === 404 || status === 403) && textField(body, 'message') !== undefined) {
    return { visible: false, read: false, write: false }
  }
  const permissions = field(body, 'permissions')
  if (status !== 200 || permissions === undefined) throw unexpected(http, 'Gitea or Forgejo')
  const may = (right: string) => field(permissions, right) === true
  const git = giteaApi.gitCredential(credential)
  const write = may('push') && (await offers(http, `/${path}.git`, 'git-receive-pack', git))
  return { visible: true, read: may('pull'), write }
}

/**
 * Owner and name, as in a path, of a repository that was renamed, or whose owner was. The host sends
 * Git there, too, with its credentials.
 *
 * @see https://github.com/go-gitea/gitea/blob/v1.27.3/services/context/repo.go `RedirectToRepo`
 */
function movedTo(http: ProviderHttp, { status, headers }: ProviderAnswer): string | undefined {
  if (status !== 301 && status !== 307) return undefined
  const to = URL.parse(headers.get('location') ?? '', http.base_url)
  if (to?.origin !== new URL(http.base_url).origin) return undefined
  return /\/api\/v1\/repos\/([^/]+\/[^/]+)$/.exec(to.pathname)?.[1]
}

/**
 * 401 with the host's own JSON, or 403 because the account may not sign in. It may also have to do
 * something first, which is no fault of the token; that sentence may be in any language, so it is
 * told by the page that it names.
 *
 * @see https://github.com/go-gitea/gitea/blob/v1.27.3/routers/api/v1/api.go `verifyAuthWithOptions`
 */
export function refuseBadCredential(http: ProviderHttp, { status, body }: ProviderAnswer): void {
  const message = textField(body, 'message')
  if (message === undefined) return
  if (status === 401) throw new TokenRefused('bad_credential')
  if (status !== 403) return
  if (/account is (prohibited|not activated)/i.test(message)) {
    throw new TokenRefused('account_suspended')
  }
  const [, page] = /\/user\/(change_password|settings\/security)\b/.exec(message) ?? []
  if (page === undefined) return
  const what = page === 'change_password' ? 'change its password' : 'set up two-factor sign-in'
  const { host } = new URL(http.base_url)
  throw new ProviderUnavailable(`${host} wants the account of this token to ${what} there first.`, {
    answered: true,
  })
}
