import { type AuthorizationServer, authorizationServer } from '../authorization-server.ts'
import { plainUserCode } from '../device-authorization.ts'
import {
  advertise,
  type Call,
  type Forge,
  type Reply,
  readAuthorization,
  rights,
  startForge,
  type Token,
} from '../stand-in.ts'

const API = '/api/v3'
/** Kinds of token that name their scopes. */
const WITH_SCOPES = ['classic', 'oauth']
const PREFIXES: Record<string, string> = {
  classic: 'ghp_',
  fine_grained: 'github_pat_',
  oauth: 'gho_',
  app_user: 'ghu_',
  installation: 'ghs_',
}
const SCOPES = ['repo', 'public_repo', 'read:user', 'user', 'admin:repo_hook', 'offline_access']

export type GithubStandIn = Forge & {
  oauth: AuthorizationServer
  /** `oauth`: tokens of an OAuth app; `app_user`: of a GitHub App, whose permissions are its own. */
  granted_kind: 'oauth' | 'app_user'
  /** As github.com is: anybody may end what leaked. */
  hosted: boolean
  /** Git takes no pushes and says why; the API goes on telling what the account may. */
  refuses_pushes: string | undefined
}

/** Stands in for a GitHub Enterprise Server, whose API is a path; docs/providers/github.md. */
export async function startGithub(): Promise<GithubStandIn> {
  const refused = (error: string) => ({ status: 200, error })
  const oauth = authorizationServer(() => forge, {
    paths: {
      authorize: '/login/oauth/authorize',
      token: '/login/oauth/access_token',
    },
    device: {
      path: '/login/device/code',
      verification_path: '/login/device',
      complete: false,
      expires_in: 900,
      secret: 'ignored',
      slow_down: true,
      off: { ...refused('device_flow_disabled'), at: 'code' },
      errors: {
        client: { status: 404, error: 'Not Found' },
        scope: refused('invalid_scope'),
        pending: refused('authorization_pending'),
        denied: refused('access_denied'),
        expired: refused('expired_token'),
        unknown: refused('incorrect_device_code'),
      },
      user_code: () => plainUserCode().replace(/^.{4}/, '$&-'),
    },
    client_authentication: 'post',
    knows: (scope) => SCOPES.includes(scope),
    unknown_scope: 'left_out',
    pkce: true,
    refresh_needs: [],
    refresh_ends_access: true,
    access: { kind: () => forge.granted_kind, lifetime: 28_800 },
    errors: {
      client: refused('incorrect_client_credentials'),
      code: refused('bad_verification_code'),
      refresh: refused('bad_refresh_token'),
      scope: refused('invalid_scope'),
      redirect: refused('redirect_uri_mismatch'),
      suspended: refused('application_suspended'),
    },
    granted: ({ scopes, ...tokens }) => ({
      ...tokens,
      expires_in: 28_800,
      refresh_token_expires_in: 15_811_200,
      scope: forge.granted_kind === 'app_user' ? '' : scopes.join(','),
      token_type: 'bearer',
    }),
  })
  const forge: GithubStandIn = Object.assign(
    await startForge(
      (kind, random) => `${PREFIXES[kind]}${random}`,
      (call) => {
        const answer = unknownApp(call, oauth) ?? named(oauth.handle(call), forge)
        if (answer !== undefined) {
          // Without this header the real one answers as a form.
          return call.headers.accept === 'application/json' || answer.status === 302
            ? answer
            : { status: 200, body: 'error=unreadable', headers: { 'content-type': 'text/plain' } }
        }
        if (call.url.pathname.startsWith(API)) return withMark(api(call, forge))
        return git(call, forge)
      },
    ),
    { oauth, granted_kind: 'oauth' as const, hosted: false, refuses_pushes: undefined },
  )
  return forge
}

/** The token endpoint does not speak to an app that was deleted, or never was. */
function unknownApp({ url, form }: Call, oauth: AuthorizationServer): Reply | undefined {
  if (url.pathname !== '/login/oauth/access_token') return undefined
  const known = oauth.registered(form.get('client_id') ?? '') !== undefined
  return known ? undefined : { status: 404, body: { error: 'Not Found' } }
}

/** On the way back it says who it is, RFC 9207. */
function named(answer: Reply | undefined, { url }: Forge): Reply | undefined {
  const location = answer?.headers?.location
  if (answer === undefined || location === undefined) return answer
  const back = new URL(location)
  back.searchParams.set('iss', `${url}/login/oauth`)
  return { ...answer, headers: { ...answer.headers, location: back.href } }
}

function withMark(reply: Reply): Reply {
  const headers = {
    ...reply.headers,
    'x-github-request-id': 'C0DE:1',
    'x-github-media-type': 'github.v3',
  }
  return { ...reply, headers }
}

function refusal(status: number, message: string, headers: Record<string, string> = {}): Reply {
  return { status, body: { message, documentation_url: 'https://docs.github.com/rest' }, headers }
}

function api(call: Call, forge: GithubStandIn): Reply {
  if (call.headers['user-agent'] === undefined) {
    return { status: 403, body: 'Request forbidden by administrative rules.' }
  }
  if (call.headers['x-github-api-version'] !== '2022-11-28') return refusal(400, 'Bad API version')
  const path = call.url.pathname.slice(API.length)
  const [, app] = /^\/applications\/([^/]+)\/token$/.exec(path) ?? []
  if (app !== undefined) return endToken(call, forge, app)
  if (forge.hosted && path === '/credentials/revoke') return endLeaked(call, forge)
  const { scheme, text } = readAuthorization(call)
  if (path === '/meta' && scheme === '')
    return refusal(401, 'Must authenticate to access this API.')
  const token = ['bearer', 'token'].includes(scheme) ? forge.working(text) : undefined
  if (token === undefined)
    return refusal(401, scheme === '' ? 'Requires authentication' : 'Bad credentials')
  if (token.account.suspended) return refusal(403, 'Sorry. Your account was suspended.')
  const headers = tokenHeaders(token)
  if (path === '/meta') return { status: 200, body: { installed_version: '3.19.0' }, headers }
  if (path === '/user') return { ...user(token, forge), headers }
  const [, owner = '', name = ''] = /^\/repos\/([^/]+)\/([^/]+)$/.exec(path) ?? []
  if (name === 'old-tools') {
    const url = `${forge.url}${API}/repositories/7`
    return {
      ...refusal(301, 'Moved Permanently', headers),
      body: { message: 'Moved Permanently', url },
    }
  }
  return repository(forge, token, owner, name, headers)
}

function tokenHeaders({ kind, scopes, expires_at }: Token): Record<string, string> {
  const end = expires_at?.toISOString().replace('T', ' ').replace(/\..*/, ' UTC')
  return {
    ...(WITH_SCOPES.includes(kind) ? { 'x-oauth-scopes': scopes.join(', ') } : {}),
    ...(end !== undefined && kind !== 'oauth'
      ? { 'github-authentication-token-expiration': end }
      : {}),
  }
}

function user({ kind, account }: Token, forge: Forge): Reply {
  if (kind === 'installation') return refusal(403, 'Resource not accessible by integration')
  const { id, login, name, email } = account
  const avatar_url = `${forge.url}/avatars/u/${id}`
  return { status: 200, body: { login, id, name, email, avatar_url, type: 'User' } }
}

function repository(
  forge: Forge,
  token: Token,
  owner: string,
  name: string,
  headers: Record<string, string>,
): Reply {
  const right = rights(forge, token.account, owner, name)
  const wanted = right?.repository.private ? 'repo' : 'public_repo'
  const blind =
    WITH_SCOPES.includes(token.kind) && right?.repository.private && !token.scopes.includes(wanted)
  if (right === undefined || blind) return refusal(404, 'Not Found', headers)
  if (right.repository.sso) {
    const url = `${forge.url}/orgs/${owner}/sso?authorization_request=A1`
    const message = 'Resource protected by organization SAML enforcement.'
    return refusal(403, message, { ...headers, 'x-github-sso': `required; url=${url}` })
  }
  const permissions = { admin: right.push, push: right.push, pull: true }
  const body = {
    name,
    full_name: `${owner}/${name}`,
    private: right.repository.private,
    permissions,
  }
  return { status: 200, body, headers }
}

/** `DELETE /applications/{client_id}/token`: as the app, with the token in the body. */
function endToken(call: Call, forge: GithubStandIn, app: string): Reply {
  const { username, password } = readAuthorization(call)
  const client = forge.oauth.registered(app)
  if (call.method !== 'DELETE' || client === undefined || username !== app)
    return refusal(404, 'Not Found')
  if (client.client_secret !== password) return refusal(401, 'Bad credentials')
  const { access_token } = (call.json ?? {}) as { access_token?: string }
  const token = forge.working(access_token ?? '')
  if (token === undefined) return refusal(422, 'Validation Failed')
  if (forge.oauth.issued(token.text)?.client !== client) return refusal(404, 'Not Found')
  token.revoked = true
  return { status: 204 }
}

/** `POST /credentials/revoke`, by anybody; what it does not know is accepted as well. */
function endLeaked({ method, json }: Call, forge: GithubStandIn): Reply {
  const { credentials } = (json ?? {}) as { credentials?: unknown }
  if (method !== 'POST') return refusal(404, 'Not Found')
  if (!Array.isArray(credentials) || credentials.length === 0) {
    return refusal(422, 'Validation Failed')
  }
  for (const text of credentials) {
    const token = forge.token(text)
    if (token !== undefined) token.revoked = true
    forge.oauth.endRefreshToken(text)
  }
  return { status: 202, body: {} }
}

/** A fine-grained token reads and writes as far as `contents:read` and `contents:write` say. */
function git(call: Call, forge: GithubStandIn): Reply {
  const [, owner = '', name = ''] =
    /^\/([^/]+)\/([^/]+)\.git\/info\/refs$/.exec(call.url.pathname) ?? []
  const { username, password } = readAuthorization(call)
  const token = username === '' ? undefined : forge.working(password)
  if (token === undefined)
    return { status: 401, headers: { 'www-authenticate': 'Basic realm="GitHub"' } }
  const right = rights(forge, token.account, owner, name)
  if (right === undefined) return { status: 404, body: 'Not Found' }
  const pushes = call.url.searchParams.get('service') === 'git-receive-pack'
  if (pushes && forge.refuses_pushes !== undefined) {
    return { status: 403, body: forge.refuses_pushes, headers: { 'content-type': 'text/plain' } }
  }
  const open = !right.repository.private
  const may = (scope: string) => token.scopes.includes(scope)
  // What an app may do was chosen when it was registered: Contents, read and write.
  const writes =
    token.kind === 'app_user' ||
    (WITH_SCOPES.includes(token.kind)
      ? may('repo') || (open && may('public_repo'))
      : may('contents:write'))
  return advertise(call, {
    read: open || writes || may('contents:read'),
    write: right.push && writes,
  })
}
