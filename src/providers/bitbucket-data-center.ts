import { field, listField, pathOf, textField, unexpected } from './answer.ts'
import { repositoryAtPath } from './clone-path.ts'
import { type GitRefusals, gitAccess } from './git-access.ts'
import {
  type Inspection,
  type ProviderAdapter,
  type ProviderAnswer,
  type ProviderHttp,
  ProviderUnavailable,
  type RepositoryAccess,
  type RepositoryName,
  type TokenCredential,
  TokenRefused,
} from './provider.ts'
import { scopeHierarchy } from './scope-hierarchy.ts'

/**
 * Bitbucket Data Center. Tokens show neither their permissions nor their end; whether one may read
 * or write is asked of Git, repository by repository.
 *
 * @see https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html
 */
export const bitbucketDataCenter: ProviderAdapter = {
  kind: 'bitbucket-data-center',
  label: 'Bitbucket Data Center',
  required_scopes: {
    person: [{ scope: 'REPO_WRITE', reason: 'to clone, fetch and push' }],
    runtime: [{ scope: 'REPO_ADMIN', reason: 'to clone, fetch, push and keep webhooks' }],
  },
  oauth: {
    // @see https://confluence.atlassian.com/bitbucketserver/bitbucket-oauth-2-0-provider-api-1108483661.html
    server: (base_url) => ({
      issuer: base_url,
      authorization_endpoint: `${base_url}/rest/oauth2/latest/authorize`,
      token_endpoint: `${base_url}/rest/oauth2/latest/token`,
    }),
    client_authentication: 'client_secret_post',
    authorization_parameters: {},
    default_scopes: { person: ['REPO_WRITE'], runtime: ['REPO_ADMIN'] },
    refresh_repeats: ['redirect_uri'],
    dead_grant_errors: [],
    misconfigured_errors: [],
  },
  origins: () => [],
  // A project's or repository's own token is nobody's: it has a fixed user name.
  gitCredential: ({ token, login }) => ({ username: login ?? 'x-token-auth', password: token }),
  hasScope: scopeHierarchy({
    REPO_READ: ['PUBLIC_REPOS'],
    REPO_WRITE: ['PUBLIC_REPOS', 'REPO_READ'],
    REPO_ADMIN: ['PUBLIC_REPOS', 'REPO_READ', 'REPO_WRITE'],
  }),
  looksLikeToken: (text) => /^(BBDC-)?[\w+/=.-]{40,}$/.test(text),
  pages: (base_url) => ({
    new_token: `${base_url}/plugins/servlet/access-tokens/manage`,
    scopes_filled_in: false,
    tokens: `${base_url}/plugins/servlet/access-tokens/manage`,
    grants: `${base_url}/plugins/servlet/oauth/users/access-tokens`,
    new_client: `${base_url}/plugins/servlet/applinks/listApplicationLinks`,
  }),
  recognize,
  inspect,
  repositoryAccess,
  repositoryAt: (base_url, path) => repositoryAtPath(base_url, path, ['scm']),
}

async function recognize(http: ProviderHttp): Promise<boolean> {
  const { status, body } = await http.request('/rest/api/latest/application-properties')
  return status === 200 && textField(body, 'displayName') === 'Bitbucket'
}

async function inspect(http: ProviderHttp, credential: TokenCredential): Promise<Inspection> {
  const login = await whoIs(http, credential)
  const user = await findUser(http, credential, login)
  const id = field(user, 'id')
  if (typeof id !== 'number') throw unexpected(http, 'Bitbucket Data Center')
  return {
    account: {
      id: String(id),
      login,
      name: textField(user, 'displayName') || login,
      email: textField(user, 'emailAddress') || null,
      avatar_url: `${http.base_url}/users/${pathOf(textField(user, 'slug') ?? login)}/avatar.png`,
    },
    scopes: null,
    expires_at: null,
  }
}

/**
 * The account's name is a header of every answer to it. Where it is missing, a call that strangers
 * may not make tells a bad token from a proxy that drops headers.
 *
 * @see https://confluence.atlassian.com/bitbucketserverkb/how-to-find-the-user-of-a-personal-access-token-1130726441.html
 */
async function whoIs(http: ProviderHttp, credential: TokenCredential): Promise<string> {
  const { headers } = await request(http, credential, '/application-properties')
  const login = decoded(headers.get('x-ausername'))
  if (login) return login
  await request(http, credential, '/profile/recent/repos?limit=1')
  throw unexpected(http, 'Bitbucket Data Center')
}

/** Null for what is not in percent-encoding. */
function decoded(text: string | null): string | null {
  try {
    return text && decodeURIComponent(text)
  } catch {
    return null
  }
}

/** The slug of most users is their name; the others are searched for. */
async function findUser(
  http: ProviderHttp,
  credential: TokenCredential,
  login: string,
): Promise<unknown> {
  const { status, body } = await request(http, credential, `/users/${pathOf(login)}`)
  if (status === 200 && textField(body, 'name') === login) return body
  const query = new URLSearchParams({ filter: login, limit: '100' })
  const found = await request(http, credential, `/users?${query}`)
  return listField(found.body, 'values').find((user) => textField(user, 'name') === login)
}

/** Said of an account whose name came with a wrong password too often; people do so, too. */
const LOCKED = 'has locked the account: sign in there and solve the CAPTCHA.'

/**
 * @see https://github.com/go-git/go-git/issues/552
 * @see https://github.com/desktop/desktop/issues/14680
 */
const GIT_REFUSALS: GitRefusals = {
  pages: true,
  errors: ['Repository not found', 'Insufficient permissions'],
  troubles: { 'CAPTCHA required': LOCKED },
}

async function repositoryAccess(
  http: ProviderHttp,
  credential: TokenCredential,
  { owner, name }: RepositoryName,
): Promise<RepositoryAccess> {
  // Git does not say why it refuses, and a bad token beside a name counts as a wrong password, of
  // which a few lock the account. @see https://jira.atlassian.com/browse/BSERV-19859
  const login = await whoIs(http, credential)
  const account = bitbucketDataCenter.gitCredential({ ...credential, login })
  const path = `/scm/${pathOf(owner, name)}.git`
  return await gitAccess(http, path, account, GIT_REFUSALS)
}

async function request(
  http: ProviderHttp,
  { token }: TokenCredential,
  path: string,
): Promise<ProviderAnswer> {
  const answer = await http.request(`/rest/api/latest${path}`, { authorization: `Bearer ${token}` })
  refuseBadCredential(http, answer)
  return answer
}

/**
 * 401 with the list of errors in which Bitbucket answers; it names the class of each. Some are not
 * about the token: it works again when the host, or the person there, has done something.
 *
 * @see https://docs.atlassian.com/bitbucket-server/javadoc/10.0.0/api/com/atlassian/bitbucket/auth/package-summary.html
 */
function refuseBadCredential(http: ProviderHttp, { status, body }: ProviderAnswer): void {
  const [error] = listField(body, 'errors')
  if (status !== 401 || error === undefined) return
  const { host } = new URL(http.base_url)
  const [exception = ''] = textField(error, 'exceptionName')?.split('.').slice(-1) ?? []
  switch (exception) {
    case 'AuthenticationSystemException':
      throw new ProviderUnavailable(`${host} could not look its accounts up.`)
    case 'CaptchaRequiredAuthenticationException':
      throw new ProviderUnavailable(`${host} ${LOCKED}`, { answered: true })
    case 'ExpiredPasswordAuthenticationException':
      throw new ProviderUnavailable(
        `The account's password at ${host} has expired: sign in there and change it.`,
        { answered: true },
      )
    case 'InactiveUserAuthenticationException':
    case 'NoAccessAuthenticationException':
      throw new TokenRefused('account_suspended')
    default:
      throw new TokenRefused('bad_credential')
  }
}
