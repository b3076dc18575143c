import { type AuthorizationServer, authorizationServer } from '../authorization-server.ts'
import {
  type Call,
  type Forge,
  type Reply,
  readAuthorization,
  rights,
  startForge,
  type Token,
} from '../stand-in.ts'

const PREFIXES: Record<string, string> = { api: 'ATATT3x', access: 'ATCTT3x' }
const OAUTH_SCOPES = ['account', 'repository', 'repository:write', 'repository:admin', 'webhook']
const LIFETIME = 7200

export type BitbucketStandIn = Forge & { oauth: AuthorizationServer }

/** Stands in for Bitbucket Cloud with its API on the same host; docs/providers/bitbucket.md. */
export async function startBitbucket(): Promise<BitbucketStandIn> {
  const oauth = authorizationServer(() => forge, {
    paths: { authorize: '/site/oauth2/authorize', token: '/site/oauth2/access_token' },
    client_authentication: 'basic',
    client_secret: (random) => `ATOA${random}-_${random.slice(0, 30)}`,
    knows: (scope) => OAUTH_SCOPES.includes(scope),
    unknown_scope: 'refused',
    pkce: false,
    refresh_needs: [],
    refresh_ends_access: false,
    access: { kind: 'oauth', lifetime: LIFETIME },
    errors: {
      client: { status: 400, error: 'unauthorized_client' },
      code: { status: 400, error: 'invalid_grant' },
      refresh: {
        status: 400,
        error: 'invalid_request',
        error_description: 'Invalid refresh_token',
      },
      scope: { status: 400, error: 'invalid_scope' },
    },
    granted: ({ scopes, ...tokens }) => ({
      ...tokens,
      token_type: 'bearer',
      expires_in: LIFETIME,
      scope: scopes.join(' '),
      state: 'authorization_code',
    }),
  })
  const forge = await startForge(
    // Granted ones take more than 2,500 characters.
    (kind, random) => (kind === 'oauth' ? random.repeat(44) : `${PREFIXES[kind]}${random}`),
    (call, state) => oauth.handle(call) ?? api(call, state),
  )
  return Object.assign(forge, { oauth })
}

function api(call: Call, forge: Forge): Reply {
  const path = call.url.pathname.replace(/^\/2\.0/, '')
  if (path === '/hook_events') {
    const links = { self: { href: `${forge.url}/2.0/hook_events/workspace` } }
    return { status: 200, body: { workspace: { links }, repository: { links } } }
  }
  const token = tokenOf(call, forge)
  if (token === undefined) return unauthorized(call)
  const headers = { 'x-oauth-scopes': token.scopes.join(', '), 'x-credential-type': token.kind }
  const reply = answer(call, path, forge, token)
  return { ...reply, headers: { ...reply.headers, ...headers } }
}

/** API tokens: Basic with the e-mail address of the account. All others: Bearer. */
function tokenOf(call: Call, forge: Forge): Token | undefined {
  const { scheme, text, username, password } = readAuthorization(call)
  const token = forge.working(scheme === 'basic' ? password : text)
  const right =
    token?.kind === 'api'
      ? scheme === 'basic' && username === token.account.email
      : scheme === 'bearer'
  return right && token?.account.suspended === false ? token : undefined
}

function unauthorized(call: Call): Reply {
  if (readAuthorization(call).scheme === 'basic') {
    return { status: 401, headers: { 'www-authenticate': 'Basic realm="Bitbucket.org HTTP"' } }
  }
  const message = 'Token is invalid, expired, or not supported for this endpoint.'
  return { status: 401, body: { type: 'error', error: { message } } }
}

function needs(token: Token, ...any: string[]): Reply | undefined {
  if (any.some((scope) => token.scopes.includes(scope))) return undefined
  const message = 'Your credentials lack one or more required privilege scopes.'
  const detail = { required: any.slice(0, 1), granted: token.scopes }
  return { status: 403, body: { type: 'error', error: { message, detail } } }
}

const READ = ['read:repository:bitbucket', 'repository', 'repository:write']

function answer(call: Call, path: string, forge: Forge, token: Token): Reply {
  const { id, login, name, email } = token.account
  if (path === '/user') {
    const href = `${forge.url}/avatar/${id}.png`
    const body = {
      uuid: `{${id}}`,
      username: login,
      display_name: name,
      links: { avatar: { href } },
    }
    return needs(token, 'read:user:bitbucket', 'account') ?? { status: 200, body }
  }
  if (path === '/user/emails') {
    const values = [{ email, is_primary: true, is_confirmed: true }]
    return needs(token, 'read:user:bitbucket', 'account') ?? { status: 200, body: { values } }
  }
  const [, owner = '', slug] = /^\/repositories\/([^/]+)(?:\/([^/]+))?$/.exec(path) ?? []
  const refused = needs(token, ...READ)
  if (refused !== undefined) return refused
  return slug === undefined ? list(call, forge, token, owner) : one(forge, token, owner, slug)
}

function one(forge: Forge, token: Token, owner: string, slug: string): Reply {
  const right = rights(forge, token.account, owner, slug)
  if (right === undefined) {
    return { status: 404, body: { type: 'error', error: { message: 'Repository not found' } } }
  }
  const body = { type: 'repository', slug, is_private: right.repository.private }
  return { status: 200, body }
}

/** `?role=contributor` leaves those to which the account may write. */
function list({ url }: Call, forge: Forge, token: Token, owner: string): Reply {
  const [, wanted] = /^slug="([^"]+)"$/.exec(url.searchParams.get('q') ?? '') ?? []
  if (url.searchParams.get('role') !== 'contributor' || wanted === undefined) {
    return { status: 400, body: { type: 'error', error: { message: 'Bad query' } } }
  }
  const values = forge.repositories
    .filter(
      ({ name }) => name === wanted && rights(forge, token.account, owner, name)?.push === true,
    )
    .map(({ name }) => ({ slug: name }))
  return { status: 200, body: { pagelen: 10, values } }
}
