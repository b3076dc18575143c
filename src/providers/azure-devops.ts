import { basic, pathOf, textField, unexpected } from './answer.ts'
import { entra, isHosted } from './azure-entra.ts'
import { namesBelow } from './clone-path.ts'
import { gitAccess } from './git-access.ts'
import {
  type Inspection,
  type ProviderAccount,
  type ProviderAdapter,
  type ProviderAnswer,
  type ProviderHttp,
  type RepositoryAccess,
  type RepositoryName,
  type TokenCredential,
  TokenRefused,
} from './provider.ts'
import { scopeHierarchy } from './scope-hierarchy.ts'

/**
 * Azure DevOps Services and Server. The base URL may name an organization
 * (`https://dev.azure.com/contoso`, or a collection of a server) or, of the Services, all of them
 * (`https://dev.azure.com`). Tokens show neither their scopes nor their end.
 *
 * @see https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/oauth
 */
export const azureDevOps: ProviderAdapter = {
  kind: 'azure-devops',
  label: 'Azure DevOps',
  required_scopes: {
    person: [
      { scope: 'vso.profile', reason: 'to see whose token it is' },
      { scope: 'vso.code_write', reason: 'to clone, fetch and push' },
    ],
    runtime: [
      { scope: 'vso.profile', reason: 'to see whose token it is' },
      { scope: 'vso.code_write', reason: 'to clone, fetch and push' },
      { scope: 'vso.hooks_write', reason: 'to keep service hooks' },
    ],
  },
  oauth: entra,
  origins: (base_url) => [
    new URL(profileApiOf(base_url)).origin,
    new URL(entra.server(base_url, null).token_endpoint).origin,
  ],
  // Any user name will do.
  gitCredential: ({ token }) => ({ username: 'countersign', password: token }),
  hasScope,
  looksLikeToken: (text) =>
    /^[A-Za-z0-9]{52,}$/.test(text) || /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text),
  pages: (base_url) => {
    // Without an organization: the list of the person's own.
    const tokens = namesOrganization(base_url)
      ? `${base_url}/_usersSettings/tokens`
      : `${base_url}/`
    return {
      new_token: tokens,
      scopes_filled_in: false,
      tokens,
      grants: 'https://myapps.microsoft.com',
      new_client:
        'https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/CreateApplicationBlade',
    }
  },
  recognize,
  inspect,
  repositoryAccess,
  repositoryAt,
}

const includes = scopeHierarchy({
  'vso.code_write': ['vso.code'],
  'vso.code_manage': ['vso.code', 'vso.code_write'],
  'vso.code_full': ['vso.code', 'vso.code_write', 'vso.code_manage'],
  'vso.profile_write': ['vso.profile'],
  'vso.hooks_write': ['vso.hooks'],
})

/**
 * Entra names scopes with their resource, has one that stands for everything, and answers
 * `.default` with what the app was permitted.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/scopes-oidc#the-default-scope
 */
function hasScope(granted: readonly string[], needed: string): boolean {
  const own = (scope: string) => scope.slice(scope.lastIndexOf('/') + 1)
  const scopes = granted.map(own)
  return (
    own(needed) === '.default' ||
    scopes.includes('user_impersonation') ||
    includes(scopes, own(needed))
  )
}

/** Where a profile is told without an organization. */
function profileApiOf(base_url: string): string {
  return isHosted(base_url) ? 'https://app.vssps.visualstudio.com' : base_url
}

function namesOrganization(base_url: string): boolean {
  const { hostname, pathname } = new URL(base_url)
  return pathname !== '/' || hostname.endsWith('.visualstudio.com')
}

/** Strangers are refused, under a header that Azure DevOps puts on every answer. */
async function recognize(http: ProviderHttp): Promise<boolean> {
  const answer = await http.request(whoAmI(http.base_url), options(undefined))
  return [200, 203, 401].includes(answer.status) && isOwn(answer)
}

async function inspect(http: ProviderHttp, credential: TokenCredential): Promise<Inspection> {
  const answer = await http.request(whoAmI(http.base_url), options(authorizationOf(credential)))
  refuseBadCredential(answer)
  if (isAnonymous(answer.body)) throw new TokenRefused('bad_credential')
  const account = answer.status === 200 ? accountOf(answer.body) : undefined
  if (account === undefined) throw unexpected(http, 'Azure DevOps')
  return { account, scopes: null, expires_at: null }
}

/**
 * An organization says who is connected; the profile is everybody's own, over all organizations.
 * The Services have every version; a server has those that were there before it, and 2019 is the
 * oldest one with 5.0.
 *
 * @see https://learn.microsoft.com/rest/api/azure/devops/profile/profiles/get
 * @see https://learn.microsoft.com/azure/devops/integrate/concepts/rest-api-versioning#supported-versions
 */
function whoAmI(base_url: string): string {
  return namesOrganization(base_url)
    ? `${base_url}/_apis/connectionData?api-version=5.0-preview.1`
    : `${profileApiOf(base_url)}/_apis/profile/profiles/me?api-version=7.1`
}

/**
 * An organization with public projects takes whoever shows a bad token for a stranger, who may look
 * at those, and says so with status 200.
 *
 * @see https://github.com/azsk/ADOScanner `ContextHelper.ps1`, Microsoft's own reading of it
 */
function isAnonymous(body: unknown): boolean {
  const descriptor = textField(body, 'authenticatedUser', 'descriptor') ?? ''
  return descriptor.startsWith('System:PublicAccess;')
}

function accountOf(body: unknown): ProviderAccount | undefined {
  const connected = 'authenticatedUser'
  const id = textField(body, connected, 'id') ?? textField(body, 'id')
  const login =
    textField(body, connected, 'properties', 'Account', '$value') ?? textField(body, 'emailAddress')
  if (id === undefined || login === undefined) return undefined
  const name =
    textField(body, connected, 'customDisplayName') ??
    textField(body, connected, 'providerDisplayName') ??
    textField(body, 'displayName')
  const email = login.includes('@') ? login : null
  return { id, login, name: name || login, email, avatar_url: null }
}

/** Asked of Git: the API tells what the account may do, not what the token may. */
async function repositoryAccess(
  http: ProviderHttp,
  credential: TokenCredential,
  { owner, name }: RepositoryName,
): Promise<RepositoryAccess> {
  const path = `/${pathOf(...owner.split('/'))}/_git/${pathOf(name)}`
  const account = azureDevOps.gitCredential(credential)
  const access = await gitAccess(http, path, account, { statuses: SIGN_IN_PAGES, pages: true })
  // Git does not say why it refuses, and shows public projects whatever the token: a bad one is no
  // "may not".
  if (!access.write) await inspect(http, credential)
  return access
}

/** `project/_git/app`, below the organization; or `_git/app` in the project of the same name. */
function repositoryAt(base_url: string, path: string): RepositoryName | undefined {
  const names = namesBelow(base_url, path) ?? []
  const [name, git, project = name] = names.toReversed()
  if (git !== '_git' || name === undefined || project === undefined) return undefined
  return { owner: [...names.slice(0, -3), project].join('/'), name }
}

/** How a bad credential is answered by some of its services: with a page, or sent on to one. */
const SIGN_IN_PAGES = [203, 302]

/**
 * The header asks for 401 instead of a page for signing in; not every service heeds it.
 *
 * @see https://learn.microsoft.com/azure/devops/integrate/get-started/rest/samples
 */
function options(authorization: string | undefined) {
  return {
    headers: { 'x-tfs-fedauthredirect': 'Suppress' },
    without_body: [401, ...SIGN_IN_PAGES],
    ...(authorization === undefined ? {} : { authorization }),
  }
}

function authorizationOf({ method, token }: TokenCredential): string {
  return method === 'oauth' ? `Bearer ${token}` : basic({ username: '', password: token })
}

/** A refusal is 401, or a page for signing in, or the way to one; a proxy's lacks the header. */
function refuseBadCredential(answer: ProviderAnswer): void {
  const refused = [401, ...SIGN_IN_PAGES].includes(answer.status)
  if (refused && isOwn(answer)) throw new TokenRefused('bad_credential')
}

function isOwn({ headers }: ProviderAnswer): boolean {
  return headers.has('x-vss-e2eid') || headers.has('x-tfs-processid')
}
