import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Account {
  id: number
  login: string
  name: string
  email: string
  suspended: boolean
}

export interface Token {
  text: string
  kind: string
  account: Account
  /** A test may change them: hosts let people do so. */
  scopes: readonly string[]
  expires_at: Date | null
  revoked: boolean
}

export interface Repository {
  owner: string
  name: string
  private: boolean
  /** Its people need single sign-on for it. */
  sso: boolean
}

export interface Call {
  method: string
  url: URL
  headers: IncomingHttpHeaders
  form: URLSearchParams
  json: unknown
}

/** A string is sent as a page, an object as JSON; nothing as nothing. */
export interface Reply {
  status: number
  body?: unknown
  headers?: Record<string, string>
}

/** What a test makes a stand-in do, and counts there. */
export interface Forge {
  readonly url: string
  readonly accounts: Map<string, Account>
  readonly repositories: Repository[]
  /** `GET /path`, oldest first. */
  readonly calls: string[]
  /** Answered instead of everything else, e.g. for being asked too often. */
  interruption: Reply | undefined
  /** The same for some paths only. */
  interruptionFor: ((path: string) => Reply | undefined) | undefined
  /** An answer leaves only when what this gives has happened. */
  holdBack: ((path: string, reply: Reply) => Promise<void> | undefined) | undefined
  makeAccount(login: string): Account
  makeToken(
    login: string,
    wanted: { kind: string; scopes?: readonly string[]; expires_at?: Date | null },
  ): string
  /** The token as it was made, whether or not it still works. */
  token(text: string): Token | undefined
  /** A token that works, of an account that may sign in or not. */
  working(text: string): Token | undefined
  suspend(login: string, suspended: boolean): void
  close(): Promise<void>
}

/**
 * Starts a host on a free port with carol, who owns the public `tools` and the private `secret`,
 * and with dave, who has no part in them.
 *
 * @param tokenText writes a token as this host does, e.g. with a prefix for its kind
 */
export async function startForge(
  tokenText: (kind: string, random: string) => string,
  answer: (call: Call, forge: Forge) => Reply,
): Promise<Forge> {
  const tokens = new Map<string, Token>()
  const server = createServer(async (request, response) => {
    const call = await readCall(request, forge.url)
    forge.calls.push(`${call.method} ${call.url.pathname}`)
    const reply =
      forge.interruption ?? forge.interruptionFor?.(call.url.pathname) ?? answer(call, forge)
    await forge.holdBack?.(call.url.pathname, reply)
    const { status, body, headers = {} } = reply
    const page = typeof body === 'string'
    const type = page ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8'
    response.writeHead(status, {
      ...(body === undefined ? {} : { 'content-type': type }),
      ...headers,
    })
    response.end(body === undefined || page ? body : JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  async function close(): Promise<void> {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  const forge: Forge = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accounts: new Map(),
    repositories: [
      { owner: 'carol', name: 'tools', private: false, sso: false },
      { owner: 'carol', name: 'secret', private: true, sso: false },
    ],
    calls: [],
    interruption: undefined,
    interruptionFor: undefined,
    holdBack: undefined,
    makeAccount(login) {
      const name = `${login.charAt(0).toUpperCase()}${login.slice(1)} Example`
      const id = 1000 + forge.accounts.size
      const account = { id, login, name, email: `${login}@example.com`, suspended: false }
      forge.accounts.set(login, account)
      return account
    },
    makeToken(login, { kind, scopes = [], expires_at = null }) {
      const account = accountOf(forge, login)
      const text = tokenText(kind, randomBytes(30).toString('hex'))
      tokens.set(text, { text, kind, account, scopes, expires_at, revoked: false })
      return text
    },
    token: (text) => tokens.get(text),
    working(text) {
      const token = tokens.get(text)
      const ended =
        token?.expires_at !== null && token !== undefined && token.expires_at <= new Date()
      return token === undefined || token.revoked || ended ? undefined : token
    },
    suspend(login, suspended) {
      accountOf(forge, login).suspended = suspended
    },
    close,
  }
  for (const login of ['carol', 'dave']) forge.makeAccount(login)
  return forge
}

function accountOf(forge: Forge, login: string): Account {
  const account = forge.accounts.get(login)
  if (account === undefined) throw new Error(`no account ${login}`)
  return account
}

async function readCall(request: IncomingMessage, base: string): Promise<Call> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  const type = request.headers['content-type'] ?? ''
  return {
    method: request.method ?? '',
    url: new URL(request.url ?? '/', base),
    headers: request.headers,
    form: new URLSearchParams(type === 'application/x-www-form-urlencoded' ? text : ''),
    json: type.startsWith('application/json') && text !== '' ? JSON.parse(text) : undefined,
  }
}

/** The credentials of RFC 6750 or RFC 7617, or of another scheme. */
export function readAuthorization(call: Call): {
  scheme: string
  text: string
  username: string
  password: string
} {
  const [, scheme = '', text = ''] = /^(\S+) (.*)$/.exec(call.headers.authorization ?? '') ?? []
  const plain = /^basic$/i.test(scheme) ? Buffer.from(text, 'base64').toString('utf8') : ''
  const [, username = '', password = ''] = /^([^:]*):(.*)$/.exec(plain) ?? []
  return { scheme: scheme.toLowerCase(), text, username, password }
}

/** What a repository is to an account: its owner may do everything, others see what is public. */
export function rights(
  forge: Forge,
  account: Account | undefined,
  owner: string,
  name: string,
): { repository: Repository; push: boolean } | undefined {
  const repository = forge.repositories.find((one) => one.owner === owner && one.name === name)
  const push = account?.login === owner
  return repository === undefined || (repository.private && !push)
    ? undefined
    : { repository, push }
}

/** The first answer of smart HTTP, gitprotocol-http(5). */
export function advertise(call: Call, may: { read: boolean; write: boolean }): Reply {
  const service = call.url.searchParams.get('service')
  if (!/^git\//.test(call.headers['user-agent'] ?? '')) return { status: 403, body: '<html>No' }
  const allowed = service === 'git-receive-pack' ? may.write : may.read
  if (!allowed)
    return { status: 403, body: 'Access denied', headers: { 'content-type': 'text/plain' } }
  const headers = { 'content-type': `application/x-${service}-advertisement` }
  return { status: 200, body: `001e# service=${service}\n0000`, headers }
}
