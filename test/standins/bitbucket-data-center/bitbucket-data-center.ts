import { type AuthorizationServer, authorizationServer } from '../authorization-server.ts'
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

const API = '/rest/api/latest'
const SCOPES = ['PUBLIC_REPOS', 'REPO_READ', 'REPO_WRITE', 'REPO_ADMIN']
const LIFETIME = 3600
/** Wrong passwords after which an account is locked; an administrator may set another number. */
const WRONG_PASSWORDS = 5

export type BitbucketDataCenterStandIn = Forge & {
  oauth: AuthorizationServer
  /** A proxy in front of it takes away the headers it does not know. */
  behind_proxy: boolean
  /** How many wrong passwords came with each account's name since it last signed in. */
  wrong_passwords: Map<string, number>
}

/** Stands in for Bitbucket Data Center; docs/providers/bitbucket-data-center.md. */
export async function startBitbucketDataCenter(): Promise<BitbucketDataCenterStandIn> {
  const oauth = authorizationServer(() => forge, {
    paths: { authorize: '/rest/oauth2/latest/authorize', token: '/rest/oauth2/latest/token' },
    client_authentication: 'post',
    knows: (scope) => SCOPES.includes(scope),
    unknown_scope: 'refused',
    pkce: true,
    refresh_needs: ['redirect_uri'],
    refresh_ends_access: true,
    access: { kind: 'oauth', lifetime: LIFETIME },
    errors: {
      client: { status: 400, error: 'invalid_client' },
      code: { status: 400, error: 'invalid_grant' },
      refresh: { status: 400, error: 'invalid_grant' },
      scope: { status: 400, error: 'invalid_scope' },
    },
    granted: ({ scopes, ...tokens }) => ({
      ...tokens,
      token_type: 'bearer',
      expires_in: LIFETIME,
      scope: scopes.join(' '),
      created_at: Math.floor(Date.now() / 1000),
    }),
  })
  const forge: BitbucketDataCenterStandIn = Object.assign(
    await startForge(
      (kind, random) => (kind === 'personal' ? `BBDC-${random.slice(0, 44)}` : random),
      (call) => {
        const reply = oauth.handle(call) ?? answer(call, forge)
        return forge.behind_proxy ? { ...reply, headers: {} } : reply
      },
    ),
    { oauth, behind_proxy: false, wrong_passwords: new Map<string, number>() },
  )
  return forge
}

function answer(call: Call, forge: BitbucketDataCenterStandIn): Reply {
  const path = call.url.pathname
  const token = tokenOf(call, forge)
  if (token === 'CaptchaRequiredAuthenticationException' && path.startsWith('/scm/')) {
    return gitError(call.url.searchParams.get('service') ?? '', 'CAPTCHA required')
  }
  if (typeof token === 'string') return failed(token)
  if (path.startsWith('/scm/')) return git(call, forge, token)
  const name = token === undefined ? '' : encodeURIComponent(token.account.login)
  const reply = api(call, forge, path.slice(API.length), token)
  return { ...reply, headers: { 'x-ausername': name, ...reply.headers } }
}

/** Undefined: nobody. A person's token also works as the password that goes with their name. */
function tokenOf(call: Call, forge: BitbucketDataCenterStandIn): Token | undefined | Failure {
  const { scheme, text, username, password } = readAuthorization(call)
  if (scheme === '') return undefined
  const { wrong_passwords } = forge
  const wrong = wrong_passwords.get(username) ?? 0
  if (scheme === 'basic' && wrong >= WRONG_PASSWORDS) {
    return 'CaptchaRequiredAuthenticationException'
  }
  const token = forge.working(scheme === 'basic' ? password : text)
  if (token === undefined || (scheme === 'basic' && username !== token.account.login)) {
    if (scheme === 'basic') wrong_passwords.set(username, wrong + 1)
    return 'IncorrectPasswordAuthenticationException'
  }
  return token.account.suspended ? 'InactiveUserAuthenticationException' : token
}

type Failure =
  | 'AuthenticationSystemException'
  | 'CaptchaRequiredAuthenticationException'
  | 'ExpiredPasswordAuthenticationException'
  | 'IncorrectPasswordAuthenticationException'
  | 'InactiveUserAuthenticationException'
  | 'NoAccessAuthenticationException'

/** Refused, by the class that Bitbucket names as the reason. */
export function failed(failure: Failure): Reply {
  return error(401, `com.atlassian.bitbucket.auth.${failure}`)
}

function error(status: number, exceptionName: string): Reply {
  const message = 'Authentication failed. Please check your credentials and try again.'
  return { status, body: { errors: [{ context: null, message, exceptionName }] } }
}

function api(call: Call, forge: Forge, path: string, token: Token | undefined): Reply {
  if (path === '/application-properties') {
    return { status: 200, body: { version: '9.4.1', displayName: 'Bitbucket' } }
  }
  if (token === undefined) return error(401, 'com.atlassian.bitbucket.AuthorisationException')
  if (path === '/profile/recent/repos') return { status: 200, body: { values: [] } }
  const [, slug] = /^\/users\/([^/]+)$/.exec(path) ?? []
  const accounts = [...forge.accounts.values()]
  if (slug !== undefined) {
    const account = accounts.find((one) => slugOf(one) === decodeURIComponent(slug))
    return account === undefined
      ? error(404, 'com.atlassian.bitbucket.user.NoSuchUserException')
      : { status: 200, body: user(account) }
  }
  const filter = call.url.searchParams.get('filter') ?? ''
  const values = accounts.filter(({ login }) => login.includes(filter)).map(user)
  return { status: 200, body: { size: values.length, isLastPage: true, values } }
}

/** Lower case, with an underscore for whatever cannot stand in a path. */
function slugOf({ login }: Account): string {
  return login.toLowerCase().replace(/[^a-z0-9._-]/g, '_')
}

function user(account: Account): object {
  const { id, login, name, email } = account
  const shown = { id, name: login, displayName: name, emailAddress: email, slug: slugOf(account) }
  return { ...shown, active: true, type: 'NORMAL' }
}

const NOT_FOUND =
  'Repository not found\nThe requested repository does not exist, or you do not have permission to\naccess it.'

/** What Git prints as a remote error comes with status 200. */
export function gitError(service: string, explanation: string): Reply {
  const line = `ERR ${explanation}`
  const length = (line.length + 4).toString(16).padStart(4, '0')
  const headers = { 'content-type': `application/x-${service}-advertisement` }
  return { status: 200, body: `001e# service=${service}\n0000${length}${line}`, headers }
}

function git(call: Call, forge: Forge, token: Token | undefined): Reply {
  const [, owner = '', name = ''] =
    /^\/scm\/([^/]+)\/([^/]+)\.git\/info\/refs$/.exec(call.url.pathname) ?? []
  const right = rights(forge, token?.account, owner, name)
  if (right === undefined) return gitError(call.url.searchParams.get('service') ?? '', NOT_FOUND)
  const level = Math.max(...(token?.scopes ?? []).map((scope) => SCOPES.indexOf(scope)), 0)
  return advertise(call, {
    read: !right.repository.private || level >= 1,
    write: right.push && level >= 2,
  })
}
