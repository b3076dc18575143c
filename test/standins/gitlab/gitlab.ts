import { type AuthorizationServer, authorizationServer } from '../authorization-server.ts'
import { plainUserCode } from '../device-authorization.ts'
import {
  type Account,
  advertise,
  type Call,
  type Forge,
  type Reply,
  readAuthorization,
  rights,
  startForge,
  type Token,
} from '../stand-in.ts'

const PREFIXES: Record<string, string> = { personal: 'glpat-', 'fine-grained': 'glpat-', oauth: '' }
const SCOPES = ['api', 'read_api', 'read_user', 'read_repository', 'write_repository']
const LIFETIME = 7200

export type GitlabStandIn = Forge & { oauth: AuthorizationServer }

/** Stands in for a self-managed GitLab; docs/providers/gitlab.md says after which documents. */
export async function startGitlab(): Promise<GitlabStandIn> {
  const refused = (error: string) => ({ status: 400, error })
  const oauth = authorizationServer(() => forge, {
    paths: {
      authorize: '/oauth/authorize',
      token: '/oauth/token',
    },
    device: {
      path: '/oauth/authorize_device',
      verification_path: '/oauth/device',
      complete: true,
      expires_in: 300,
      secret: 'needed',
      slow_down: true,
      off: { ...refused('unsupported_grant_type'), at: 'code' },
      errors: {
        client: { status: 401, error: 'invalid_client' },
        scope: refused('invalid_scope'),
        pending: refused('authorization_pending'),
        // A person who says no leaves nothing behind: the code is then as good as unknown.
        denied: refused('invalid_grant'),
        expired: refused('expired_token'),
        unknown: refused('invalid_grant'),
      },
      user_code: plainUserCode,
    },
    client_authentication: 'post',
    public_clients: { secret: 'checked' },
    knows: (scope) => SCOPES.includes(scope),
    unknown_scope: 'refused',
    pkce: true,
    refresh_needs: ['redirect_uri'],
    refresh_ends_access: true,
    access: { kind: 'oauth', lifetime: LIFETIME },
    errors: {
      client: { status: 401, error: 'invalid_client' },
      code: { status: 400, error: 'invalid_grant' },
      refresh: { status: 400, error: 'invalid_grant' },
      scope: { status: 400, error: 'invalid_scope' },
    },
    granted: ({ scopes, ...tokens }) => ({
      ...tokens,
      token_type: 'Bearer',
      expires_in: LIFETIME,
      scope: scopes.join(' '),
      created_at: Math.floor(Date.now() / 1000),
    }),
  })
  const forge = await startForge(
    (kind, random) => `${PREFIXES[kind]}${random}`,
    (call, state) => {
      const reply =
        oauth.handle(call) ?? revoke(call, state, oauth) ?? git(call, state) ?? api(call, state)
      return { ...reply, headers: { 'x-gitlab-meta': '{"version":"1"}', ...reply.headers } }
    },
  )
  return Object.assign(forge, { oauth })
}

function api(call: Call, forge: Forge): Reply {
  const { method, url } = call
  const path = url.pathname
  const token = tokenOf(call, forge)
  if (typeof token === 'string') return { status: 401, body: wrong(path, token) }
  if (token.account.suspended) {
    return { status: 403, body: { message: '403 Forbidden - Your account has been blocked.' } }
  }
  if (path === '/oauth/token/info') return info(token)
  if (path === '/api/v4/version')
    return { status: 200, body: { version: '18.4.0', revision: 'c0de' } }
  if (path === '/api/v4/personal_access_tokens/self') return self(token)
  if (path === '/api/v4/user') {
    const refused = lacks(token, ['api', 'read_api', 'read_user'], 'User: Read')
    return refused ?? { status: 200, body: user(token.account, forge) }
  }
  if (path === '/api/graphql' && method === 'POST') return graphql(call, forge, token)
  return { status: 404, body: { error: '404 Not Found' } }
}

function tokenOf(call: Call, forge: Forge): Token | 'unknown' | 'ended' {
  const { scheme, text } = readAuthorization(call)
  const header = call.headers['private-token']
  const given = scheme === 'bearer' ? text : typeof header === 'string' ? header : ''
  const token = forge.working(given)
  return token ?? (forge.token(given) === undefined ? 'unknown' : 'ended')
}

/** Each part of GitLab says it in its own form. */
function wrong(path: string, why: 'unknown' | 'ended'): object {
  if (path === '/api/graphql') return { errors: [{ message: 'Invalid token' }] }
  if (path === '/oauth/token/info' || why === 'ended') {
    return { error: 'invalid_token', error_description: 'Token was revoked or is expired.' }
  }
  return { message: '401 Unauthorized' }
}

function may({ scopes }: Token, any: string[]): boolean {
  return any.some((scope) => scopes.includes(scope))
}

/** The refusal of a token with none of these scopes, or, of a fine-grained one, without the permission. */
function lacks(token: Token, any: string[], permission: string): Reply | undefined {
  if (token.kind === 'fine-grained') {
    if (may(token, [permission])) return undefined
    const error_description = `Access denied: Your Personal Access Token lacks: [${permission}].`
    return { status: 403, body: { error: 'insufficient_granular_scope', error_description } }
  }
  if (may(token, any)) return undefined
  const error_description = 'The request requires higher privileges than provided.'
  const body = { error: 'insufficient_scope', error_description, scope: any.join(' ') }
  return { status: 403, body }
}

function user({ id, login, name, email }: Account, forge: Forge): object {
  const avatar_url = `${forge.url}/uploads/-/system/user/avatar/${id}/avatar.png`
  return { id, username: login, name, email, commit_email: email, state: 'active', avatar_url }
}

/** Of personal tokens only; any scope will do, but a fine-grained one needs leave. */
function self(token: Token): Reply {
  const { kind, account, expires_at } = token
  if (kind === 'oauth') return { status: 400, body: { message: '400 Bad request' } }
  if (kind === 'fine-grained') {
    const refused = lacks(token, [], 'Personal Access Token: Read')
    if (refused !== undefined) return refused
  }
  const end = expires_at?.toISOString().slice(0, 10) ?? null
  const scopes = kind === 'fine-grained' ? ['granular'] : token.scopes
  const body = { id: 7, active: true, revoked: false, scopes, user_id: account.id, expires_at: end }
  return { status: 200, body }
}

function info({ kind, scopes, account, expires_at }: Token): Reply {
  if (kind !== 'oauth') return { status: 401, body: { error: 'invalid_token' } }
  const left = expires_at === null ? null : Math.round((expires_at.getTime() - Date.now()) / 1000)
  const body = { resource_owner_id: account.id, scope: scopes, expires_in: left, application: {} }
  return { status: 200, body }
}

function graphql({ json }: Call, forge: Forge, token: Token): Reply {
  const { query, variables } = (json ?? {}) as { query?: string; variables?: { path?: string } }
  const refused = lacks(token, ['api', 'read_api'], 'Project: Read')
  if (refused !== undefined) return refused
  if (!query?.includes('project(fullPath: $path) { id }'))
    return { status: 400, body: { errors: [{ message: 'No' }] } }
  const [owner = '', name = ''] = variables?.path?.split('/') ?? []
  const right = rights(forge, token.account, owner, name)
  const project = right === undefined ? null : { id: `gid://gitlab/Project/${name}` }
  return { status: 200, body: { data: { project } } }
}

/** Its Git server refuses in words, not in pages. */
const plain = { 'content-type': 'text/plain' }

/** Any user name with a token; the scopes limit what the account may. */
function git(call: Call, forge: Forge): Reply | undefined {
  const [, owner, name] = /^\/([^/]+)\/([^/]+)\.git\/info\/refs$/.exec(call.url.pathname) ?? []
  if (owner === undefined || name === undefined) return undefined
  const { password } = readAuthorization(call)
  const token = forge.working(password)
  if (token === undefined || token.account.suspended) {
    const headers = { ...plain, 'www-authenticate': 'Basic realm="GitLab"' }
    return { status: 401, body: 'HTTP Basic: Access denied', headers }
  }
  const right = rights(forge, token.account, owner, name)
  if (right === undefined) return { status: 404, body: 'Not Found', headers: plain }
  if (right.repository.sso) {
    const page = `${forge.url}/groups/${owner}/-/saml/sso?token=abc`
    const body = `Cannot find valid SSO session. Please login via your group's SSO at ${page}`
    return { status: 403, body, headers: plain }
  }
  const writes = may(token, ['api', 'write_repository', 'Code: Push'])
  const reads = may(token, ['api', 'write_repository', 'read_repository', 'Code: Download'])
  return advertise(call, {
    read: reads,
    write: right.push && writes,
  })
}

/**
 * 200 also for a token that nobody knows, RFC 7009 §2.2; the client must be right. Access and refresh
 * token are one record: either ends both.
 */
function revoke(
  { form, method, url }: Call,
  forge: Forge,
  oauth: AuthorizationServer,
): Reply | undefined {
  if (url.pathname !== '/oauth/revoke' || method !== 'POST') return undefined
  const client = oauth.client(form.get('client_id'), form.get('client_secret'))
  const issued = oauth.issued(form.get('token') ?? '')
  if (client === undefined || (issued !== undefined && issued.client !== client)) {
    return { status: 403, body: { error: 'unauthorized_client' } }
  }
  if (issued !== undefined) {
    const token = forge.token(issued.access_token)
    if (token !== undefined) token.revoked = true
    oauth.endRefreshToken(issued.refresh_token)
  }
  return { status: 200, body: {} }
}
