import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Client } from './client.ts'
import { type DeviceRules, type Devices, deviceAuthorization } from './device-authorization.ts'
import { type Call, type Forge, type Reply, readAuthorization } from './stand-in.ts'

type Trouble = 'client' | 'code' | 'refresh' | 'scope'

interface Refusal {
  status: number
  error: string
  error_description?: string
}

/** RFC 6749 §4.1.2: the longest life of a code that it recommends. */
const CODE_MS = 10 * 60_000

/** How one host's authorization server differs from another's. */
export interface Rules {
  paths: { authorize: string; token: string }
  device?: DeviceRules
  client_authentication: 'basic' | 'post'
  /** Writes a secret as this host does, where not in letters and digits alone. */
  client_secret?: (random: string) => string
  /**
   * Where there are public clients: what becomes of a secret that one of them sends all the same. The
   * right one may be let pass, any, or none.
   */
  public_clients?: { secret: 'checked' | 'ignored' | 'refused' }
  /** Scopes that exist. */
  knows(scope: string): boolean
  /** An unknown scope in an authorization request: refused, or left out of the grant. */
  unknown_scope: 'refused' | 'left_out'
  pkce: boolean
  /** What a refresh must send again. */
  refresh_needs: readonly ('redirect_uri' | 'scope')[]
  /** Whether a refresh ends the access token before. */
  refresh_ends_access: boolean
  /** Whether a refresh token works again after it was used. */
  refresh_token_reusable?: boolean
  /** Kind of the access tokens, and seconds that they live. */
  access: { kind: string | (() => string); lifetime: number }
  errors: Record<Trouble, Refusal> & {
    /** Another callback than the registered one, where that has a word of its own. */
    redirect?: Refusal
    /** An app that the host has suspended. */
    suspended?: Refusal
  }
  /** The whole answer of the token endpoint. */
  granted(tokens: { access_token: string; refresh_token: string; scopes: string[] }): object
}

interface Grant {
  client: Client
  login: string
  scopes: string[]
  redirect_uri: string
  challenge: string | null
  /** By device flow: the app then says who it is as that flow wants it. */
  device: boolean
  /** The access token that goes with a refresh token. */
  access_token: string
  /** When its code was given out. */
  coded_at: number
}

/** A token of either kind that was granted to a client, with the other one of the same grant. */
interface Issued {
  client: Client
  access_token: string
  refresh_token: string
}

export interface AuthorizationServer {
  registerClient(redirect_uri: string): Client
  /** An app without a secret, where the host has such. */
  registerPublicClient(redirect_uri: string): Client
  /** The app that says who it is by these; undefined: not in this host's eyes. */
  client(client_id: string | null, client_secret: string | null): Client | undefined
  /** The app that has this id, whoever asks. */
  registered(client_id: string): Client | undefined
  /** The grant that has this access or refresh token, if any has. */
  issued(token: string): Issued | undefined
  /** All that it ever gave out, oldest first. */
  given: readonly Issued[]
  /** Ends a refresh token, as it is. */
  endRefreshToken(token: string): void
  /** The host lets this app do nothing more. */
  suspendApp(client_id: string, suspended: boolean): void
  /** So many seconds pass for codes that were not exchanged yet. */
  ageCodes(seconds: number): void
  /** Who is signed in at the host and agrees to everything; null: nobody is signed in. */
  signIn(login: string | null): void
  /** The person says no to the next request. */
  decline(): void
  /** What people, or with a refresh the host, allow of the scopes that are asked for; null: all. */
  allows: readonly string[] | null
  /** Members that its answers lack, as hosts leave some out at times. */
  leaves_out: readonly string[]
  /** Where the host has a device flow. */
  devices: Devices | undefined
  /** Undefined for what is none of its paths. */
  handle(call: Call): Reply | undefined
}

/** Strict: everything that RFC 6749 and 7636 let a server refuse, it refuses in this host's words. */
export function authorizationServer(forge: () => Forge, rules: Rules): AuthorizationServer {
  const clients = new Map<string, Client>()
  const codes = new Map<string, Grant>()
  const refreshTokens = new Map<string, Grant>()
  const tokens = new Map<string, Issued>()
  const given: Issued[] = []
  const suspendedApps = new Set<string>()
  let signedIn: string | null = null
  let declines = false

  function refuse(trouble: Trouble | 'redirect' | 'suspended'): Reply {
    const refusal = rules.errors[trouble] ?? rules.errors.code
    const { status, error, error_description = `refused: ${trouble}` } = refusal
    return { status, body: { error, error_description } }
  }

  function authorize({ url }: Call): Reply {
    const ask = (name: string) => url.searchParams.get(name)
    const client = clients.get(ask('client_id') ?? '')
    const { redirect, suspended } = rules.errors
    const wrong = client?.redirect_uri !== ask('redirect_uri')
    if (client === undefined || (wrong && redirect === undefined)) {
      return { status: 400, body: '<html>Unknown application or callback' }
    }
    const { redirect_uri } = client
    const back = (answer: Record<string, string>) => {
      const query = new URLSearchParams({ ...answer, state: ask('state') ?? '' })
      return { status: 302, headers: { location: `${redirect_uri}?${query}` } }
    }
    if (wrong) return back({ error: redirect?.error ?? '' })
    if (suspended && suspendedApps.has(client.client_id)) return back({ error: suspended.error })
    if (ask('response_type') !== 'code') return back({ error: 'unsupported_response_type' })
    const wanted = (ask('scope') ?? '').split(/[ ,]+/).filter((scope) => scope !== '')
    const scopes = wanted.filter((scope) => rules.knows(scope))
    if (
      rules.unknown_scope === 'refused' &&
      (scopes.length < wanted.length || wanted.length === 0)
    ) {
      return back({ error: 'invalid_scope' })
    }
    const challenge = ask('code_challenge')
    if (client.is_public && challenge === null) return back({ error: 'invalid_request' })
    if (rules.pkce && challenge !== null && ask('code_challenge_method') !== 'S256') {
      return back({ error: 'invalid_request' })
    }
    if (signedIn === null) return { status: 200, body: '<html>Sign in' }
    if (declines) {
      declines = false
      return back({ error: 'access_denied' })
    }
    const code = randomUUID()
    const allowed = scopes.filter((scope) => server.allows?.includes(scope) ?? true)
    const grant = {
      client,
      login: signedIn,
      scopes: allowed,
      redirect_uri,
      challenge,
      device: false,
    }
    codes.set(code, { ...grant, access_token: '', coded_at: Date.now() })
    return back({ code })
  }

  function clientBy(client_id: string | null, secret: string | null): Client | undefined {
    const client = clients.get(client_id ?? '')
    if (client?.is_public !== true) return client?.client_secret === secret ? client : undefined
    const isRight = {
      checked: secret === null || secret === client.client_secret,
      ignored: true,
      refused: secret === null,
    }
    return isRight[rules.public_clients?.secret ?? 'checked'] ? client : undefined
  }

  function clientOf(call: Call): Client | undefined {
    const { scheme, username, password } = readAuthorization(call)
    const { form } = call
    const [id, secret] =
      rules.client_authentication === 'basic'
        ? [scheme === 'basic' ? username : '', password]
        : [form.get('client_id') ?? '', form.get('client_secret')]
    const client = clients.get(id)
    const grant = refreshTokens.get(form.get('refresh_token') ?? '')
    const rule = grant?.device === true ? rules.device?.secret : 'needed'
    if (rule === 'ignored') return client
    if (rule === 'refused') return secret === null ? client : undefined
    return clientBy(id, secret)
  }

  function token(call: Call): Reply {
    const { form, headers } = call
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') return { status: 415 }
    const client = clientOf(call)
    const kind = form.get('grant_type')
    if (kind === 'urn:ietf:params:oauth:grant-type:device_code' && desk) return desk.poll(call)
    if (client === undefined) return refuse('client')
    if (suspendedApps.has(client.client_id)) return refuse('suspended')
    if (kind === 'authorization_code') return redeem(client, form)
    if (kind === 'refresh_token') return renew(client, form)
    return { status: 400, body: { error: 'unsupported_grant_type' } }
  }

  function redeem(client: Client, form: URLSearchParams): Reply {
    const code = form.get('code') ?? ''
    const grant = codes.get(code)
    codes.delete(code)
    const verifier = form.get('code_verifier') ?? ''
    const proof = createHash('sha256').update(verifier).digest('base64url')
    const proved = !rules.pkce || grant?.challenge === null || grant?.challenge === proof
    const fresh = grant !== undefined && Date.now() - grant.coded_at < CODE_MS
    if (grant?.client !== client || !fresh || !proved) return refuse('code')
    return form.get('redirect_uri') === grant.redirect_uri ? issue(grant) : refuse('redirect')
  }

  function renew(client: Client, form: URLSearchParams): Reply {
    const used = form.get('refresh_token') ?? ''
    const grant = refreshTokens.get(used)
    if (grant?.client !== client) return refuse('refresh')
    const { refresh_needs } = rules
    if (refresh_needs.includes('redirect_uri') && form.get('redirect_uri') !== grant.redirect_uri) {
      return refuse('refresh')
    }
    if (refresh_needs.includes('scope') && !isWithin(form.get('scope'), grant))
      return refuse('scope')
    if (forge().accounts.get(grant.login)?.suspended === true) return refuse('refresh')
    if (rules.refresh_token_reusable !== true) refreshTokens.delete(used)
    const before = forge().token(grant.access_token)
    if (before !== undefined && rules.refresh_ends_access) before.revoked = true
    return issue(grant)
  }

  /** RFC 6749 §6: nothing that was not asked for before. */
  function isWithin(scope: string | null, { scopes }: Grant): boolean {
    return scope?.split(' ').every((one) => scopes.includes(one)) ?? false
  }

  function issue({ login, scopes, ...grant }: Grant): Reply {
    const allowed = scopes.filter((scope) => server.allows?.includes(scope) ?? true)
    const { lifetime } = rules.access
    const kind = typeof rules.access.kind === 'string' ? rules.access.kind : rules.access.kind()
    const expires_at = new Date(Date.now() + lifetime * 1000)
    const access_token = forge().makeToken(login, { kind, scopes: allowed, expires_at })
    const refresh_token = `refresh-${randomUUID()}`
    refreshTokens.set(refresh_token, { ...grant, login, scopes, access_token })
    const issued = { client: grant.client, access_token, refresh_token }
    tokens.set(access_token, issued).set(refresh_token, issued)
    given.push(issued)
    const said = Object.entries(rules.granted({ access_token, refresh_token, scopes: allowed }))
    const body = Object.fromEntries(said.filter(([name]) => !server.leaves_out.includes(name)))
    return { status: 200, body }
  }

  const desk =
    rules.device &&
    deviceAuthorization({
      forge,
      rules: rules.device,
      clients,
      knows: rules.knows,
      issue: ({ client, login, scopes }) => {
        const { redirect_uri } = client
        const grant = { client, login, scopes, redirect_uri, challenge: null, device: true }
        return issue({ ...grant, access_token: '', coded_at: 0 })
      },
    })

  function register(redirect_uri: string, is_public: boolean): Client {
    const client_id = randomBytes(10).toString('hex')
    const random = randomBytes(20).toString('hex')
    const client_secret = rules.client_secret?.(random) ?? random
    const client = { client_id, client_secret, redirect_uri, is_public }
    clients.set(client.client_id, client)
    return client
  }

  const server: AuthorizationServer = {
    registerClient: (redirect_uri) => register(redirect_uri, false),
    registerPublicClient(redirect_uri) {
      if (rules.public_clients === undefined) throw new Error('this host has no public clients')
      return register(redirect_uri, true)
    },
    client: clientBy,
    registered: (client_id) => clients.get(client_id),
    issued: (token) => tokens.get(token),
    given,
    endRefreshToken(token) {
      refreshTokens.delete(token)
    },
    suspendApp(client_id, suspended) {
      if (suspended) suspendedApps.add(client_id)
      else suspendedApps.delete(client_id)
    },
    ageCodes(seconds) {
      for (const grant of codes.values()) grant.coded_at -= seconds * 1000
    },
    signIn(login) {
      signedIn = login
    },
    decline() {
      declines = true
    },
    allows: null,
    leaves_out: [],
    devices: desk?.devices,
    handle(call) {
      const { paths } = rules
      if (call.url.pathname === paths.authorize && call.method === 'GET') return authorize(call)
      if (call.url.pathname === paths.token && call.method === 'POST') return token(call)
      if (call.url.pathname === rules.device?.path && call.method === 'POST') {
        return desk?.begin(call)
      }
      return undefined
    },
  }
  return server
}
