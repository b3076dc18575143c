import { field, ownPage, pathOf, textField, unexpected } from './answer.ts'
import { repositoryAtPath } from './clone-path.ts'
import { gitAccess } from './git-access.ts'
import { githubOAuth } from './github-oauth.ts'
import { apiOf, request } from './github-request.ts'
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
  TokenScopesMissing,
} from './provider.ts'
import { scopeHierarchy } from './scope-hierarchy.ts'

/**
 * GitHub, GitHub Enterprise Cloud with its own domain, and GitHub Enterprise Server.
 *
 * Classic tokens and those of OAuth apps name their scopes in a header of every answer. Fine-grained
 * tokens and those of GitHub Apps do not: what they may do is found out repository by repository.
 *
 * @see https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
 */
export const github: ProviderAdapter = {
  kind: 'github',
  label: 'GitHub',
  required_scopes: {
    person: [{ scope: 'repo', reason: 'to clone, fetch and push' }],
    runtime: [
      { scope: 'repo', reason: 'to clone, fetch and push' },
      { scope: 'admin:repo_hook', reason: 'to keep webhooks' },
    ],
  },
  oauth: githubOAuth,
  origins: (base_url) => [new URL(apiOf(base_url)).origin],
  // @see https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
  gitCredential: ({ token }) => ({ username: 'x-access-token', password: token }),
  hasScope: scopeHierarchy({
    repo: ['repo:status', 'repo_deployment', 'public_repo', 'repo:invite', 'security_events'],
    'admin:repo_hook': ['write:repo_hook', 'read:repo_hook'],
    'write:repo_hook': ['read:repo_hook'],
    'admin:org': ['write:org', 'read:org', 'manage_runners:org'],
    'write:org': ['read:org'],
    'admin:public_key': ['write:public_key', 'read:public_key'],
    'write:public_key': ['read:public_key'],
    'admin:gpg_key': ['write:gpg_key', 'read:gpg_key'],
    'write:gpg_key': ['read:gpg_key'],
    'write:packages': ['read:packages'],
    'write:discussion': ['read:discussion'],
    project: ['read:project'],
    user: ['read:user', 'user:email', 'user:follow'],
  }),
  looksLikeToken: (text) =>
    /^(gh[pousr]_|github_pat_)\w+/.test(text) || /^[0-9a-f]{40}$/.test(text),
  pages: (base_url, owner = 'person') => ({
    // @see https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens
    new_token: `${base_url}/settings/tokens/new?scopes=${githubOAuth.default_scopes[owner].join()}&description=countersign`,
    scopes_filled_in: true,
    tokens: `${base_url}/settings/tokens`,
    grants: `${base_url}/settings/applications`,
    new_client: `${base_url}/settings/applications/new`,
  }),
  recognize,
  inspect,
  repositoryAccess,
  repositoryAt: repositoryAtPath,
}

/** A server in private mode refuses strangers, but bears GitHub's mark all the same. */
async function recognize(http: ProviderHttp): Promise<boolean> {
  const { status, headers } = await request(http, null, '/meta')
  return (status === 200 || status === 401) && headers.has('x-github-request-id')
}

async function inspect(http: ProviderHttp, credential: TokenCredential): Promise<Inspection> {
  const answer = await request(http, credential, '/user')
  refuseBadCredential(http, answer)
  const { status, headers, body } = answer
  // The token of an installation is nobody's.
  if (status === 403 && /not accessible by integration/i.test(textField(body, 'message') ?? '')) {
    throw new TokenScopesMissing([])
  }
  const id = field(body, 'id')
  const login = textField(body, 'login')
  if (status !== 200 || typeof id !== 'number' || login === undefined) {
    throw unexpected(http, 'GitHub')
  }
  return {
    account: {
      id: String(id),
      login,
      name: textField(body, 'name') || login,
      email: textField(body, 'email') || hiddenEmail(http, id, login),
      avatar_url: textField(body, 'avatar_url') || null,
    },
    scopes: scopesOf(headers),
    expires_at: expiryOf(headers),
  }
}

/**
 * What commits are signed with by people who keep their address private.
 *
 * @see https://docs.github.com/en/account-and-profile/reference/email-addresses-reference
 */
function hiddenEmail(http: ProviderHttp, id: number, login: string): string | null {
  return http.base_url === 'https://github.com' ? `${id}+${login}@users.noreply.github.com` : null
}

/** Null when this kind of token does not show them. */
function scopesOf(headers: Headers): string[] | null {
  const scopes = headers.get('x-oauth-scopes')
  return scopes === null ? null : scopes.split(/,\s*/).filter((scope) => scope !== '')
}

/** Written as `2027-10-12 09:00:00 UTC`, or with an offset such as `+0200`. */
function expiryOf(headers: Headers): Date | null {
  const text = headers.get('github-authentication-token-expiration') ?? ''
  const [, date, time, zone] = /^(\S+) (\S+) (UTC|[+-]\d{4})$/.exec(text) ?? []
  if (date === undefined || zone === undefined) return null
  const offset = zone === 'UTC' ? 'Z' : zone.replace(/(\d\d)$/, ':$1')
  const instant = new Date(`${date}T${time}${offset}`)
  return Number.isNaN(instant.getTime()) ? null : instant
}

/**
 * The API tells whether the token sees the repository, and why not; its `permissions` are the
 * person's. What this token may, whether the organization lets its app in, and whether the
 * repository was archived, Git knows.
 *
 * @see https://docs.github.com/en/rest/repos/repos#get-a-repository
 * @see https://docs.github.com/en/organizations/managing-oauth-access-to-your-organizations-data/about-oauth-app-access-restrictions
 */
async function repositoryAccess(
  http: ProviderHttp,
  credential: TokenCredential,
  { owner, name }: RepositoryName,
): Promise<RepositoryAccess> {
  const path = pathOf(owner, name)
  const answer = await request(http, credential, `/repos/${path}`, { without_body: [301] })
  const sso_url = signOnPage(http, answer)
  if (sso_url !== undefined) return { visible: false, read: false, write: false, sso_url }
  refuseBadCredential(http, answer)
  refuseForPolicy(http, answer, path)
  const refused = answer.status === 404 || answer.status === 403
  if (refused && textField(answer.body, 'message') !== undefined) {
    return { visible: false, read: false, write: false }
  }
  if (answer.status === 301) {
    const { host } = new URL(http.base_url)
    throw new ProviderUnavailable(`${host} has ${owner}/${name} under another name now.`, {
      answered: true,
    })
  }
  if (answer.status !== 200) throw unexpected(http, 'GitHub')
  const asked = await gitAccess(http, `/${path}.git`, github.gitCredential(credential))
  return { ...asked, visible: true }
}

/**
 * An organization or enterprise may take no tokens of a kind, or none that live long: that is no
 * repository which the token does not see, and another token helps.
 *
 * @see https://docs.github.com/en/organizations/managing-programmatic-access-to-your-organization/setting-a-personal-access-token-policy-for-your-organization
 */
function refuseForPolicy(http: ProviderHttp, answer: ProviderAnswer, path: string): void {
  const message = textField(answer.body, 'message') ?? ''
  if (answer.status !== 403 || !/forbids access via a/.test(message)) return
  const { host } = new URL(http.base_url)
  const [, days] = /lifetime is greater than (\d+) days/.exec(message) ?? []
  const what =
    days === undefined
      ? 'takes no tokens of this kind. Make one of the other kind, or authorize with OAuth2.'
      : `takes no tokens that live longer than ${days} days. Make one that ends sooner.`
  throw new ProviderUnavailable(`The organization of ${path} at ${host} ${what}`, {
    answered: true,
  })
}

/** Only GitHub's own JSON counts; of its 403, only those about the account or the kind of token. */
function refuseBadCredential(http: ProviderHttp, answer: ProviderAnswer): void {
  const message = textField(answer.body, 'message')
  if (message === undefined) return
  if (answer.status === 401) throw new TokenRefused('bad_credential')
  if (answer.status !== 403) return
  if (/account (was|is) suspended/i.test(message)) throw new TokenRefused('account_suspended')
  const page = signOnPage(http, answer)
  if (page !== undefined) {
    const { host } = new URL(http.base_url)
    throw new ProviderUnavailable(
      `${host} wants this token to be let through your organization's single sign-on. ` +
        `Allow it at ${page}`,
    )
  }
}

/**
 * The page where a person lets a token through SAML single sign-on; it works for an hour.
 *
 * @see https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#authenticating-with-a-personal-access-token
 */
function signOnPage(http: ProviderHttp, { status, headers }: ProviderAnswer): string | undefined {
  const header = headers.get('x-github-sso') ?? ''
  if (status !== 403 || !header.startsWith('required')) return undefined
  return ownPage(http, header) ?? `${http.base_url}/settings/tokens`
}
