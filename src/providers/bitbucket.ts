import { basic, field, listField, pathOf, textField, unexpected } from './answer.ts'
import { repositoryAtPath } from './clone-path.ts'
import {
  type Inspection,
  type ProviderAdapter,
  type ProviderAnswer,
  type ProviderHttp,
  type RepositoryAccess,
  type RepositoryName,
  type TokenCredential,
  TokenRefused,
  TokenScopesMissing,
} from './provider.ts'
import { scopeHierarchy } from './scope-hierarchy.ts'

/**
 * Bitbucket Cloud. Its REST API takes a person's API token only together with the e-mail address
 * of their Atlassian account, so both are pasted and kept together: `you@example.com:TOKEN`.
 *
 * @see https://support.atlassian.com/bitbucket-cloud/docs/using-api-tokens/
 */
export const bitbucket: ProviderAdapter = {
  kind: 'bitbucket',
  label: 'Bitbucket Cloud',
  // @see https://support.atlassian.com/bitbucket-cloud/docs/api-token-permissions/
  required_scopes: {
    person: [
      { scope: 'read:user:bitbucket', reason: 'to see whose token it is' },
      { scope: 'read:workspace:bitbucket', reason: 'to see which workspaces it reaches' },
      { scope: 'read:repository:bitbucket', reason: 'to clone and fetch' },
      { scope: 'write:repository:bitbucket', reason: 'to push' },
    ],
    runtime: [
      { scope: 'read:user:bitbucket', reason: 'to see whose token it is' },
      { scope: 'read:workspace:bitbucket', reason: 'to see which workspaces it reaches' },
      { scope: 'read:repository:bitbucket', reason: 'to clone and fetch' },
      { scope: 'write:repository:bitbucket', reason: 'to push' },
      { scope: 'admin:repository:bitbucket', reason: 'to set up repositories' },
      { scope: 'read:webhook:bitbucket', reason: 'to see webhooks' },
      { scope: 'write:webhook:bitbucket', reason: 'to keep webhooks' },
    ],
  },
  oauth: {
    // @see https://developer.atlassian.com/cloud/bitbucket/oauth-2/
    server: (base_url) => ({
      issuer: base_url,
      authorization_endpoint: `${base_url}/site/oauth2/authorize`,
      token_endpoint: `${base_url}/site/oauth2/access_token`,
    }),
    client_authentication: 'client_secret_basic',
    authorization_parameters: {},
    default_scopes: {
      person: ['account', 'repository:write'],
      runtime: ['account', 'repository:write', 'repository:admin', 'webhook'],
    },
    scope_reasons: {
      account: 'to see whose grant it is',
      'repository:write': 'to clone, fetch and push',
      'repository:admin': 'to set up repositories',
      webhook: 'to keep webhooks',
    },
    refresh_repeats: [],
    // @see https://community.atlassian.com/t5/Bitbucket-questions/How-do-I-refresh-a-token/qaq-p/1545002
    dead_grant_errors: ['invalid_request: Invalid refresh_token'],
    misconfigured_errors: [],
  },
  origins: (base_url) => [new URL(apiOf(base_url)).origin],
  gitCredential: (credential) => ({
    username: isApiToken(credential) ? 'x-bitbucket-api-token-auth' : 'x-token-auth',
    password: partsOf(credential).secret,
  }),
  // OAuth2 scopes have other names than those of API tokens, and include narrower ones, which API
  // tokens' do not. @see https://developer.atlassian.com/cloud/bitbucket/rest/intro/#authentication
  hasScope: scopeHierarchy({
    account: ['email', 'read:user:bitbucket', 'read:workspace:bitbucket'],
    'account:write': ['account', 'email', 'read:user:bitbucket', 'read:workspace:bitbucket'],
    repository: ['read:repository:bitbucket'],
    'repository:write': ['repository', 'read:repository:bitbucket', 'write:repository:bitbucket'],
    'repository:admin': ['admin:repository:bitbucket'],
    pullrequest: ['repository', 'read:repository:bitbucket'],
    'pullrequest:write': [
      'pullrequest',
      'repository',
      'repository:write',
      'read:repository:bitbucket',
      'write:repository:bitbucket',
    ],
    webhook: ['read:webhook:bitbucket', 'write:webhook:bitbucket'],
  }),
  looksLikeToken: (text) => /^(\S+@\S+:)?AT[ABC][A-Z]+\S+$/.test(text),
  pages: (base_url) => ({
    new_token: 'https://id.atlassian.com/manage-profile/security/api-tokens',
    scopes_filled_in: false,
    tokens: 'https://id.atlassian.com/manage-profile/security/api-tokens',
    grants: `${base_url}/account/settings/app-authorizations/`,
    // Apps belong to a workspace, which only the person knows.
    new_client: `${base_url}/account/workspaces/`,
  }),
  recognize,
  inspect,
  repositoryAccess,
  repositoryAt: repositoryAtPath,
}

/** The public one has its API on another host; what stands in for it answers on its own. */
function apiOf(base_url: string): string {
  return base_url === 'https://bitbucket.org' ? 'https://api.bitbucket.org/2.0' : `${base_url}/2.0`
}

function partsOf({ token }: TokenCredential): { email: string | null; secret: string } {
  const [, email, secret] = /^([^\s:]+@[^\s:]+):(.+)$/.exec(token) ?? []
  return email === undefined || secret === undefined
    ? { email: null, secret: token }
    : { email, secret }
}

/** Of the tokens without an e-mail address, only an API token needs one. */
function isApiToken(credential: TokenCredential): boolean {
  const { email, secret } = partsOf(credential)
  return credential.method === 'token' && (email !== null || secret.startsWith('ATATT'))
}

function authorizationOf(credential: TokenCredential): string {
  const { email, secret } = partsOf(credential)
  if (!isApiToken(credential)) return `Bearer ${secret}`
  if (email === null) throw new TokenRefused('login_missing')
  return basic({ username: email, password: secret })
}

async function request(
  http: ProviderHttp,
  credential: TokenCredential,
  path: string,
): Promise<ProviderAnswer> {
  const authorization = authorizationOf(credential)
  const answer = await http.request(apiOf(http.base_url) + path, {
    authorization,
    without_body: [401],
  })
  refuseBadCredential(answer)
  return answer
}

async function recognize(http: ProviderHttp): Promise<boolean> {
  const { status, body } = await http.request(`${apiOf(http.base_url)}/hook_events`)
  return status === 200 && field(body, 'workspace', 'links') !== undefined
}

async function inspect(http: ProviderHttp, credential: TokenCredential): Promise<Inspection> {
  const answer = await request(http, credential, '/user')
  const { status, body } = answer
  const scopes = scopesOf(answer)
  if (status === 403 && isAboutScopes(answer)) throw new TokenScopesMissing(scopes ?? [])
  const id = textField(body, 'uuid')
  const login = textField(body, 'username') ?? textField(body, 'nickname')
  if (status !== 200 || id === undefined || login === undefined) {
    throw unexpected(http, 'Bitbucket Cloud')
  }
  return {
    account: {
      id,
      login,
      name: textField(body, 'display_name') || login,
      email: partsOf(credential).email ?? (await primaryEmail(http, credential)),
      avatar_url: textField(body, 'links', 'avatar', 'href') || null,
    },
    scopes,
    expires_at: null,
  }
}

/** Null where the scopes do not reach that far. */
async function primaryEmail(
  http: ProviderHttp,
  credential: TokenCredential,
): Promise<string | null> {
  const { body } = await request(http, credential, '/user/emails')
  const primary = listField(body, 'values').find((entry) => field(entry, 'is_primary') === true)
  return textField(primary, 'email') ?? null
}

/** A header of every answer; a refusal for lack of scopes names them in its body too. */
function scopesOf({ headers, body }: ProviderAnswer): string[] | null {
  const header = headers.get('x-oauth-scopes')
  if (header !== null) return header.split(/,\s*/).filter((scope) => scope !== '')
  const granted = field(body, 'error', 'detail', 'granted')
  return Array.isArray(granted) ? granted.filter((scope) => typeof scope === 'string') : null
}

/** An address that is not let in is 403, too, and so is what a proxy turns away. */
function isAboutScopes(answer: ProviderAnswer): boolean {
  const message = textField(answer.body, 'error', 'message') ?? ''
  return scopesOf(answer) !== null || /\bscopes?\b/i.test(message)
}

/**
 * Whether the account may write is only told by a list that is limited to where it may.
 *
 * @see https://developer.atlassian.com/cloud/bitbucket/rest/api-group-repositories/#api-repositories-workspace-get
 */
async function repositoryAccess(
  http: ProviderHttp,
  credential: TokenCredential,
  { owner, name }: RepositoryName,
): Promise<RepositoryAccess> {
  const answer = await request(http, credential, `/repositories/${pathOf(owner, name)}`)
  const type = textField(answer.body, 'type')
  if ((answer.status === 404 || answer.status === 403) && type === 'error') {
    return { visible: false, read: false, write: false }
  }
  if (answer.status !== 200 || type !== 'repository') throw unexpected(http, 'Bitbucket Cloud')
  const scopes = scopesOf(answer)
  if (scopes !== null && !bitbucket.hasScope(scopes, 'write:repository:bitbucket')) {
    return { visible: true, read: true, write: false }
  }
  const query = new URLSearchParams({ role: 'contributor', q: `slug=${JSON.stringify(name)}` })
  const list = await request(http, credential, `/repositories/${pathOf(owner)}?${query}`)
  if (list.status !== 200 && list.status !== 403) throw unexpected(http, 'Bitbucket Cloud')
  return { visible: true, read: true, write: listField(list.body, 'values').length > 0 }
}

/** 401 in Bitbucket's JSON, or without a body but in its realm. */
function refuseBadCredential({ status, headers, body }: ProviderAnswer): void {
  const own =
    textField(body, 'type') === 'error' ||
    /realm="Bitbucket\.org/.test(headers.get('www-authenticate') ?? '')
  if (status === 401 && own) throw new TokenRefused('bad_credential')
}
