import { type AuthorizationServer, authorizationServer } from '../authorization-server.ts'
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

const SCOPES = ['read:user', 'write:user', 'read:repository', 'write:repository', 'openid', 'all']
const LIFETIME = 3600

export type ForgejoStandIn = Forge & {
  oauth: AuthorizationServer
  /** The version of the Gitea API that it states; '' for a Gitea. */
  compatible_with: string
  /** New owners and names of repositories, by those that they had. */
  renamed: Map<string, string>
}

/** Stands in for Forgejo, whose refusals differ from Gitea's; docs/providers/forgejo.md. */
export async function startForgejo(): Promise<ForgejoStandIn> {
  const refused = (error_description: string) => ({
    status: 400,
    error: 'unauthorized_client',
    error_description,
  })
  const oauth = authorizationServer(() => forge, {
    paths: { authorize: '/login/oauth/authorize', token: '/login/oauth/access_token' },
    client_authentication: 'post',
    public_clients: { secret: 'ignored' },
    knows: (scope) => SCOPES.includes(scope),
    unknown_scope: 'left_out',
    pkce: true,
    refresh_needs: [],
    refresh_ends_access: false,
    access: { kind: 'oauth', lifetime: LIFETIME },
    errors: {
      client: refused('invalid client secret'),
      code: refused('client is not authorized'),
      refresh: refused('token was already used'),
      scope: { status: 400, error: 'invalid_scope' },
    },
    granted: ({ access_token, refresh_token }) => ({
      access_token,
      refresh_token,
      token_type: 'bearer',
      expires_in: LIFETIME,
    }),
  })
  const forge: ForgejoStandIn = Object.assign(
    await startForge(
      (kind, random) => (kind === 'oauth' ? `eyJ.${random}.sig` : random.slice(0, 40)),
      (call, state) =>
        oauth.handle(call) ??
        moved(call, forge.renamed) ??
        git(call, state) ??
        api(call, state, forge.compatible_with),
    ),
    { oauth, compatible_with: '+gitea-1.22.0', renamed: new Map<string, string>() },
  )
  return forge
}

/** Like Git, the API is sent on from an old name, by a page; Gitea does so with 301. */
function moved({ method, url }: Call, renamed: ForgejoStandIn['renamed']): Reply | undefined {
  const { pathname, search } = url
  const old = [...renamed.keys()].find((name) => pathname.includes(`/${name}`))
  if (old === undefined || method !== 'GET') return undefined
  const location = pathname.replace(old, renamed.get(old) ?? '') + search
  return { status: 307, headers: { location }, body: '<a href>Temporary Redirect</a>' }
}

export function refusal(status: number, message: string): Reply {
  return { status, body: { message, url: '/api/swagger' } }
}

function api(call: Call, forge: Forge, compatible_with: string): Reply {
  const { method, url } = call
  const path = url.pathname.replace(/^\/api\/v1/, '')
  if (path === '/version') return { status: 200, body: { version: `13.0.2${compatible_with}` } }
  const { scheme, text } = readAuthorization(call)
  if (scheme === '') return refusal(401, 'token is required')
  const token = ['token', 'bearer'].includes(scheme) ? forge.working(text) : undefined
  if (token === undefined) return refusal(401, 'invalid username, password or token')
  if (token.account.suspended) {
    return refusal(403, 'This account is prohibited from signing in.')
  }
  const lacked = lackedScope(token, method, path)
  if (lacked !== undefined) {
    return refusal(403, `token does not have at least one of required scope(s): [${lacked}]`)
  }
  if (path === '/user') return user(token, forge)
  if (path === '/repos/migrate' && method === 'POST') return refusal(422, '[CloneAddr]: Required')
  if (path === '/repos/search') return { status: 200, body: { ok: true, data: [] } }
  return repository(forge, token, path)
}

/** Scopes go by the first part of the path, and reading or writing by the method. */
function lackedScope({ kind, scopes }: Token, method: string, path: string): string | undefined {
  const apiScopes = scopes.filter((scope) => scope !== 'openid')
  // A grant that asked for none of them may do everything.
  if (apiScopes.includes('all') || (kind === 'oauth' && apiScopes.length === 0)) return undefined
  const category = path.startsWith('/repos') ? 'repository' : 'user'
  const write = `write:${category}`
  const needed = method === 'GET' ? `read:${category}` : write
  return apiScopes.includes(needed) || apiScopes.includes(write) ? undefined : needed
}

/** Any user name with a token; a scope is only needed where a stranger could not do it. */
function git(call: Call, forge: Forge): Reply | undefined {
  const [, owner, name] = /^\/([^/]+)\/([^/]+)\.git\/info\/refs$/.exec(call.url.pathname) ?? []
  if (owner === undefined || name === undefined) return undefined
  const token = forge.working(readAuthorization(call).password)
  if (token === undefined || token.account.suspended) {
    return { status: 401, body: 'Failed to authenticate user' }
  }
  const right = rights(forge, token.account, owner, name)
  if (right === undefined) return { status: 404, body: 'Not found.' }
  const may = (method: string) => lackedScope(token, method, '/repos') === undefined
  return advertise(call, {
    read: !right.repository.private || may('GET'),
    write: right.push && may('POST'),
  })
}

function user({ account }: Token, forge: Forge): Reply {
  const { id, login, name, email } = account
  const avatar_url = `${forge.url}/avatars/${id}`
  return { status: 200, body: { id, login, full_name: name, email, avatar_url } }
}

function repository(forge: Forge, token: Token, path: string): Reply {
  const [, owner = '', name = ''] = /^\/repos\/([^/]+)\/([^/]+)$/.exec(path) ?? []
  const right = rights(forge, token.account, owner, name)
  if (right === undefined) return refusal(404, 'The target couldn’t be found.')
  const permissions = { admin: right.push, push: right.push, pull: true }
  return { status: 200, body: { name, private: right.repository.private, permissions } }
}
