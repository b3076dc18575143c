import { field, listField, ownPage, pathOf, textField, unexpected } from './answer.ts'
import { repositoryAtPath } from './clone-path.ts'
import { gitAccess } from './git-access.ts'
import {
  type Inspection,
  type OAuthClient,
  type OAuthTokens,
  type ProviderAdapter,
  type ProviderAnswer,
  type ProviderHttp,
  ProviderUnavailable,
  type RepositoryAccess,
  type RepositoryName,
  type TokenCredential,
  TokenRefused,
  TokenScopesMissing,
} from './provider.ts'
import { scopeHierarchy } from './scope-hierarchy.ts'

/**
 * GitLab, its cloud and self-managed ones. A token with scopes may always ask about itself, whichever
 * they are.
 *
 * @see https://docs.gitlab.com/user/profile/personal_access_tokens/#personal-access-token-scopes
 */
export const gitlab: ProviderAdapter = {
  kind: 'gitlab',
  label: 'GitLab',
  required_scopes: {
    person: [
      { scope: 'read_api', reason: 'to see whose token it is and which projects it reaches' },
      { scope: 'write_repository', reason: 'to clone, fetch and push' },
    ],
    runtime: [{ scope: 'api', reason: 'to clone, fetch, push and keep webhooks' }],
  },
  oauth: {
    // @see https://docs.gitlab.com/api/oauth2/
    server: (base_url) => ({
      issuer: base_url,
      authorization_endpoint: `${base_url}/oauth/authorize`,
      token_endpoint: `${base_url}/oauth/token`,
      device_authorization_endpoint: `${base_url}/oauth/authorize_device`,
    }),
    client_authentication: 'client_secret_post',
    // @see https://docs.gitlab.com/api/oauth2/#authorization-code-with-proof-key-for-code-exchange-pkce
    public_clients: true,
    authorization_parameters: {},
    default_scopes: { person: ['read_api', 'write_repository'], runtime: ['api'] },
    // GitLab.com's limit for calls without a user, from one address; others set their own.
    // @see https://docs.gitlab.com/user/gitlab_com/rate_limits/
    token_requests: { most: 500, seconds: 60 },
    refresh_repeats: ['redirect_uri'],
    dead_grant_errors: [],
    misconfigured_errors: [],
    // From 17.3 on. A confidential app must show its secret here too.
    // @see https://docs.gitlab.com/api/oauth2/#device-authorization-grant-flow
    device_flow: {
      client_authentication: 'client_secret_post',
      off_errors: ['unauthorized_client', 'unsupported_grant_type'],
    },
    revoke,
  },
  origins: () => [],
  // @see https://docs.gitlab.com/api/oauth2/#access-git-over-https-with-access-token
  gitCredential: ({ token }) => ({ username: 'oauth2', password: token }),
  // `read_api` reads no Git. @see https://docs.gitlab.com/user/profile/personal_access_tokens/
  hasScope: scopeHierarchy({
    api: ['read_api', 'read_user', 'read_repository', 'write_repository'],
    read_api: ['read_user'],
    write_repository: ['read_repository'],
  }),
  // Administrators choose the prefix, and newer tokens have parts with dots.
  looksLikeToken: (text) => /^[\w.-]{20,}$/.test(text),
  pages: (base_url, owner = 'person') => {
    const scopes = owner === 'person' ? 'read_api,write_repository' : 'api'
    const query = new URLSearchParams({ name: 'countersign', scopes })
    const tokens = `${base_url}/-/user_settings/personal_access_tokens`
    // From 18.9 on the form has an address of its own, which older ones answer with 404: they open it
    // in the list, where newer ones leave it to the person.
    const hosted = base_url === 'https://gitlab.com'
    return {
      // @see https://docs.gitlab.com/user/profile/personal_access_tokens/#create-a-personal-access-token
      new_token: `${tokens}${hosted ? '/legacy/new' : ''}?${query}`,
      scopes_filled_in: hosted,
      tokens,
      grants: `${base_url}/-/user_settings/applications`,
      new_client: `${base_url}/-/user_settings/applications`,
    }
  },
  recognize,
  inspect,
  repositoryAccess,
  repositoryAt: repositoryAtPath,
}

/** Strangers are not told the version, but are refused in GitLab's own words and with its header. */
async function recognize(http: ProviderHttp): Promise<boolean> {
  const { status, headers, body } = await http.request('/api/v4/version')
  if (status === 200) return textField(body, 'revision') !== undefined
  return status === 401 && headers.has('x-gitlab-meta')
}

async function inspect(http: ProviderHttp, credential: TokenCredential): Promise<Inspection> {
  const facts = await tokenFacts(http, credential)
  const answer = await request(http, credential, '/api/v4/user')
  refuseBadCredential(answer)
  if (textField(answer.body, 'error') === 'insufficient_scope' || lacksPermission(answer)) {
    throw new TokenScopesMissing(facts.scopes ?? [])
  }
  const { status, body } = answer
  const id = field(body, 'id')
  const login = textField(body, 'username')
  if (status !== 200 || typeof id !== 'number' || login === undefined) {
    throw unexpected(http, 'GitLab')
  }
  return {
    account: {
      id: String(id),
      login,
      name: textField(body, 'name') || login,
      email: textField(body, 'commit_email') || textField(body, 'email') || null,
      avatar_url: textField(body, 'avatar_url') || null,
    },
    ...facts,
  }
}

type TokenFacts = Pick<Inspection, 'scopes' | 'expires_at' | 'expires_in'>

async function tokenFacts(http: ProviderHttp, credential: TokenCredential): Promise<TokenFacts> {
  return credential.method === 'oauth'
    ? await grantedToken(http, credential)
    : await personalToken(http, credential)
}

/**
 * Personal, project and group tokens. They end at the beginning of the day that is named, in UTC.
 * A fine-grained one has permissions, for which scopes have no words, and may not even ask about itself.
 *
 * @see https://docs.gitlab.com/api/personal_access_tokens/#self-inform
 * @see https://docs.gitlab.com/auth/tokens/fine_grained_access_tokens/
 */
async function personalToken(http: ProviderHttp, credential: TokenCredential): Promise<TokenFacts> {
  const answer = await request(http, credential, '/api/v4/personal_access_tokens/self')
  refuseBadCredential(answer)
  if (lacksPermission(answer)) return { scopes: null, expires_at: null }
  const end = field(answer.body, 'expires_at')
  const expires_at = end === null ? null : beginningOf(end)
  if (answer.status !== 200 || expires_at === undefined) throw unexpected(http, 'GitLab')
  if (field(answer.body, 'active') === false) throw new TokenRefused('bad_credential')
  const scopes = texts(listField(answer.body, 'scopes'))
  return {
    scopes: scopes.includes('granular') ? null : scopes,
    expires_at,
  }
}

/** Undefined for what is no day such as `2027-10-12`. */
function beginningOf(day: unknown): Date | undefined {
  if (typeof day !== 'string' || !/^\d{4}-\d\d-\d\d$/.test(day)) return undefined
  const instant = new Date(`${day}T00:00:00Z`)
  return Number.isNaN(instant.getTime()) ? undefined : instant
}

/** @see https://docs.gitlab.com/api/oauth2/#retrieve-the-token-information */
async function grantedToken(http: ProviderHttp, credential: TokenCredential): Promise<TokenFacts> {
  const answer = await request(http, credential, '/oauth/token/info')
  refuseBadCredential(answer)
  if (answer.status !== 200) throw unexpected(http, 'GitLab')
  const seconds = field(answer.body, 'expires_in')
  return {
    scopes: texts(listField(answer.body, 'scope')),
    expires_at: null,
    ...(typeof seconds === 'number' ? { expires_in: seconds } : {}),
  }
}

/**
 * Asked of Git itself: it alone minds the single sign-on of a group, and the scopes of the token. Why
 * it refuses, a token that may ask the API can see.
 *
 * @see https://docs.gitlab.com/api/graphql/reference/#project
 */
async function repositoryAccess(
  http: ProviderHttp,
  credential: TokenCredential,
  { owner, name }: RepositoryName,
): Promise<RepositoryAccess> {
  const { scopes } = await tokenFacts(http, credential)
  const path = `/${pathOf(...owner.split('/'), name)}.git`
  const access = await gitAccess(http, path, gitlab.gitCredential(credential), {
    signOnPage: (sentence) => {
      refuseWhatSaysNothing(http, sentence)
      return signOnPage(http, owner, sentence)
    },
  })
  const known = access.read || access.sso_url !== undefined
  if (known || scopes === null || !gitlab.hasScope(scopes, 'read_api')) return access
  const answer = await http.request('/api/graphql', {
    method: 'POST',
    authorization: `Bearer ${credential.token}`,
    body: {
      query: 'query($path: ID!) { project(fullPath: $path) { id } }',
      variables: { path: `${owner}/${name}` },
    },
  })
  refuseBadCredential(answer)
  const project = field(answer.body, 'data', 'project')
  if (answer.status !== 200 || project === undefined) throw unexpected(http, 'GitLab')
  return { ...access, visible: project !== null }
}

/**
 * Where a person signs in once more, when a group wants its own single sign-on for Git and theirs was
 * too long ago. There is no status or header for it.
 *
 * @see https://docs.gitlab.com/user/group/saml_sso/#sso-enforcement
 */
function signOnPage(http: ProviderHttp, owner: string, sentence: string): string | undefined {
  if (!/valid SSO session/i.test(sentence)) return undefined
  const [group = ''] = owner.split('/')
  return ownPage(http, sentence) ?? `${http.base_url}/${pathOf(group)}`
}

/** @see https://docs.gitlab.com/api/oauth2/#revoke-a-token */
async function revoke(
  http: ProviderHttp,
  { client_id, client_secret }: OAuthClient,
  { access_token, refresh_token }: OAuthTokens,
): Promise<void> {
  const client = { client_id, ...(client_secret === null ? {} : { client_secret }) }
  for (const token of [refresh_token, access_token]) {
    if (token === null) continue
    const form = new URLSearchParams({ ...client, token })
    const { status } = await http.request('/oauth/revoke', { method: 'POST', form })
    if (status !== 200) throw unexpected(http, 'GitLab')
  }
}

async function request(
  http: ProviderHttp,
  { token }: TokenCredential,
  path: string,
): Promise<ProviderAnswer> {
  const answer = await http.request(path, { authorization: `Bearer ${token}` })
  if (answer.status === 403) refuseWhatSaysNothing(http, textField(answer.body, 'message') ?? '')
  return answer
}

/**
 * Sentences of a 403 that are not about the token: what GitLab wants of its person first, and that it
 * lets no Git pass from an address from which too many bad tokens came, whatever comes next from there.
 *
 * @see https://docs.gitlab.com/topics/git/troubleshooting_git/#password-expired-error-on-git-fetch-with-ssh-for-ldap-user
 * @see https://docs.gitlab.com/rate_limits/abuse_bans/#failed-authentication-ban-for-git-and-container-registry
 */
function refuseWhatSaysNothing({ base_url }: ProviderHttp, sentence: string): void {
  const { host } = new URL(base_url)
  if (/terms of service|password expired|email address is not confirmed/i.test(sentence)) {
    throw new ProviderUnavailable(
      `${host} wants its terms accepted, the password renewed or the e-mail address confirmed ` +
        `before it goes on. Sign in at ${base_url} in a browser.`,
    )
  }
  if (/^forbidden\s*$|too many failed authentication attempts/i.test(sentence)) {
    throw new ProviderUnavailable(
      `${host} takes no Git from our address for up to an hour, because of bad tokens before.`,
    )
  }
}

/** 401 in one of GitLab's three forms, or 403 because the account may not sign in. */
function refuseBadCredential({ status, body }: ProviderAnswer): void {
  const message = textField(body, 'message') ?? textField(body, 'errors', '0', 'message')
  const bad = message !== undefined || textField(body, 'error') === 'invalid_token'
  if (status === 401 && bad) throw new TokenRefused('bad_credential')
  if (
    status === 403 &&
    /account (has been|is) (blocked|deactivated|pending)/i.test(message ?? '')
  ) {
    throw new TokenRefused('account_suspended')
  }
}

/** Of a fine-grained token, which alone is refused in these words. */
function lacksPermission({ body }: ProviderAnswer): boolean {
  return textField(body, 'error') === 'insufficient_granular_scope'
}

function texts(values: unknown[]): string[] {
  return values.filter((value) => typeof value === 'string')
}
