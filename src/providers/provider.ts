import type { ProviderKind, Scope } from '../contract/index.ts'

/**
 * What a Git host says about a token.
 */
export interface Inspection {
  account: ProviderAccount
  /** As the host names them; null when this kind of token does not show its scopes. */
  scopes: string[] | null
  /** Null: the token does not end, or the host does not say when. */
  expires_at: Date | null
  /** Seconds that are left, where the host says these and no moment. */
  expires_in?: number
}

/** The account behind a token, as the host describes it. */
export interface ProviderAccount {
  /** Stays the same when the login changes. */
  id: string
  login: string
  name: string
  email: string | null
  /** At the host; pages never load it from there. */
  avatar_url: string | null
}

/** What a token may do with one repository: what its account may, as far as the token reaches. */
export interface RepositoryAccess {
  /** Whether the host shows it to this token at all; a private one looks like none. */
  visible: boolean
  /** To clone and fetch. */
  read: boolean
  /** To push. */
  write: boolean
  /** Where the person passes their organization's single sign-on, if the host wants that first. */
  sso_url?: string
}

/** A repository by the names of its host, e.g. `acme/app`; an owner may have parts of its own. */
export interface RepositoryName {
  owner: string
  name: string
}

/**
 * One kind of Git host. Data first; a function only where hosts differ in more than data.
 *
 * The contract, held by `test/providers/suite.ts` against every adapter's forge:
 * - An adapter MUST throw `TokenRefused` only when the host itself says that the credential is bad,
 *   and `ProviderUnavailable` for everything that says nothing about the token: no answer, a slow
 *   or endless one, 5xx, rate limits, redirects, HTML, JSON of another shape.
 * - `inspect` MUST NOT change anything at the host and MUST NOT send the token anywhere else.
 * - `inspect` MUST name the missing scopes with `TokenScopesMissing` when they keep it from
 *   knowing the account; scopes that it could read it MUST return unchanged.
 * - `repositoryAccess` MUST answer for the token, not only for its account, MUST change nothing, and
 *   MUST NOT take a rate limit or a missing single sign-on for "may not".
 * - `hasScope` MUST follow the host's hierarchy: a wider scope includes the narrower ones.
 * - `pages` SHOULD open the host's form with the scopes chosen, where the host allows that.
 * - Messages of errors MUST be our own sentences; a host's text SHOULD only be read, never shown.
 */
export interface ProviderAdapter {
  kind: ProviderKind
  /** The name people know this kind by. */
  label: string
  /** What a token must be allowed to do: a person's, and a runtime's own. */
  required_scopes: { person: readonly Scope[]; runtime: readonly Scope[] }
  oauth: OAuthFacts
  /** Origins other than the base URL's that the host answers on, e.g. one for its API. */
  origins(base_url: string): readonly string[]
  /** git-credential(1) `username` and `password` that a token makes. */
  gitCredential(credential: TokenCredential): { username: string; password: string }
  /** Whether `granted` scopes include `needed`. */
  hasScope(granted: readonly string[], needed: string): boolean
  /** Whether a text has the shape of this host's tokens; says nothing about whether it works. */
  looksLikeToken(text: string): boolean
  /** Pages of the host where one makes a token for such an owner, ends one, and registers an app. */
  pages(base_url: string, owner?: 'person' | 'runtime'): ProviderPages
  /** Whether the host behind `http` is of this kind. */
  recognize(http: ProviderHttp): Promise<boolean>
  /** Whose token it is, what it may do and when it ends. */
  inspect(http: ProviderHttp, credential: TokenCredential): Promise<Inspection>
  /** What a token may do with one repository; no access looks like no repository. */
  repositoryAccess(
    http: ProviderHttp,
    credential: TokenCredential,
    repository: RepositoryName,
  ): Promise<RepositoryAccess>
  /**
   * The repository whose clone address has this path (git-credential(1) `path`, below the origin);
   * undefined for what is no clone address of this host.
   */
  repositoryAt(base_url: string, path: string): RepositoryName | undefined
}

/** A token, how it was obtained, and the login that some hosts want beside it. */
export interface TokenCredential {
  method: 'token' | 'oauth'
  /** As it was pasted or granted; where REST wants more than a token, `you@example.com:TOKEN`. */
  token: string
  /** The account's login or e-mail address, once it is known. */
  login: string | null
}

export interface ProviderPages {
  new_token: string
  /** Whether `new_token` opens with the scopes chosen. */
  scopes_filled_in: boolean
  /** Where a person ends tokens that they made. */
  tokens: string
  /** Where a person ends what they granted to an OAuth2 app. */
  grants: string
  new_client: string
}

/**
 * How a host speaks OAuth 2.0. Names are those of RFC 6749 and RFC 8414.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8414#section-2
 */
export interface OAuthFacts {
  /** @param tenant as an administrator gave it, where `has_tenants` */
  server(base_url: string, tenant: string | null): OAuthServer
  /** Whether people sign in at a place that has directories of many organizations. */
  has_tenants?: true
  client_authentication: 'client_secret_basic' | 'client_secret_post'
  /**
   * Whether an app may do without a secret: a public client, RFC 6749 §2.1, which is known by its id,
   * and whose codes PKCE protects. Absent where the token endpoint wants a secret of every app.
   */
  public_clients?: true
  /** Sent with every authorization request beside those of RFC 6749. */
  authorization_parameters: Readonly<Record<string, string>>
  /** Scopes to ask for where the administrator has not set others. */
  default_scopes: { person: readonly string[]; runtime: readonly string[] }
  /** How often the token endpoint may be asked, where the host says so. */
  token_requests?: TokenRequestLimit
  /** What they are for, where a token's scopes have other names than a grant's. */
  scope_reasons?: Readonly<Record<string, string>>
  /** What a refresh must send again, because the host wants it so. */
  refresh_repeats: readonly ('redirect_uri' | 'scope')[]
  /**
   * How the host says that a grant is gone, beside `invalid_grant`: values of `error`, or, where one
   * word stands for several things, `error: error_description` or, of a number among `error_codes`,
   * `error: number`.
   */
  dead_grant_errors: readonly string[]
  /** In the same form: that the client is set up wrongly, beside RFC 6749's own. */
  misconfigured_errors: readonly string[]
  /** In the same form: what passes, though the word of RFC 6749 that comes with it says more. */
  transient_errors?: readonly string[]
  /**
   * In the same form: that a policy is in the way of this grant, though the word of RFC 6749 that comes
   * with it says more. It MUST be one that authorizing anew does not get past.
   */
  blocked_errors?: readonly string[]
  /** RFC 8628; absent where the host has no such flow. */
  device_flow?: DeviceFlowFacts
  /**
   * Ends these tokens at the host, and MUST leave others alone of the same person and app: a newer
   * grant may have taken their place. Absent where the host has no such call.
   */
  revoke?: (http: ProviderHttp, client: OAuthClient, tokens: OAuthTokens) => Promise<void>
}

export interface DeviceFlowFacts {
  /** How the app says who it is in this flow, and when what it granted is refreshed. */
  client_authentication: 'client_secret_post' | 'none'
  /** Values of `error` that mean that this app, or this version of the host, has no such flow. */
  off_errors: readonly string[]
}

/** At most `most` calls in any `seconds`. */
export interface TokenRequestLimit {
  most: number
  seconds: number
}

export interface OAuthServer {
  issuer: string
  authorization_endpoint: string
  token_endpoint: string
  device_authorization_endpoint?: string
  /** Origins of pages where people type a code, beside the host's own and that of its sign-in. */
  device_pages?: readonly string[]
}

export interface OAuthClient {
  client_id: string
  /** Null: a public client has none. */
  client_secret: string | null
}

export interface OAuthTokens {
  access_token: string
  refresh_token: string | null
}

/** Speaks to one registered Git host and no other. Every answer is JSON of limited size. */
export interface ProviderHttp {
  readonly base_url: string
  /**
   * @param target a path below the base URL, beginning with a slash; or a URL at one of the
   *   adapter's origins
   * @throws ProviderUnavailable when there is no answer that says anything
   */
  request(target: string, options?: ProviderRequest): Promise<ProviderAnswer>
  /**
   * The same as a `fetch` for `oauth4webapi`, which reads the answer itself.
   *
   * @throws ProviderUnavailable when there is no answer at all, or only that we ask too often
   */
  fetch(
    url: string,
    init: { method?: 'GET' | 'POST'; headers: Record<string, string>; body: URLSearchParams },
  ): Promise<Response>
}

export interface ProviderRequest {
  method?: 'GET' | 'HEAD' | 'POST' | 'DELETE'
  /** The `Authorization` header. */
  authorization?: string
  headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  body?: unknown
  /** Sent as `application/x-www-form-urlencoded`. */
  form?: URLSearchParams
  /**
   * Statuses that say enough, redirects too: a body that is not JSON is left unread, e.g. with 204,
   * but for the beginning of a plain text or of what Git says, which is the answer's `body` then.
   */
  without_body?: readonly number[]
}

export interface ProviderAnswer {
  status: number
  headers: Headers
  body: unknown
}

/** The host could not be asked; nothing is known about the token. `message` is a public sentence. */
export class ProviderUnavailable extends Error {
  override readonly name = 'ProviderUnavailable'
  /** Seconds the host asks us to wait, if it did. */
  readonly retry_after: number | undefined
  /** There was an answer in good order, but none that the API of a Git host gives. */
  readonly answered: boolean
  /** Only the account of this token is to wait: the allowance is its own. */
  readonly of_account: boolean

  constructor(
    message: string,
    options: {
      cause?: unknown
      retry_after?: number
      answered?: boolean
      of_account?: boolean
    } = {},
  ) {
    super(message, { cause: options.cause })
    this.retry_after = options.retry_after
    this.answered = options.answered ?? false
    this.of_account = options.of_account ?? false
  }
}

/** The host itself says that it does not take this credential. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'
  /** `login_missing`: the host wants `you@example.com:TOKEN`. */
  readonly why: 'bad_credential' | 'account_suspended' | 'login_missing'

  constructor(why: TokenRefused['why']) {
    super(why)
    this.why = why
  }
}

/** The token may do too little even to say whose it is. */
export class TokenScopesMissing extends Error {
  override readonly name = 'TokenScopesMissing'
  readonly scopes: string[]

  constructor(scopes: string[]) {
    super('scopes missing')
    this.scopes = scopes
  }
}

/** The scopes that a person's or a runtime's token needs and `granted` does not include. */
export function missingScopes(
  adapter: Pick<ProviderAdapter, 'required_scopes' | 'hasScope'>,
  granted: readonly string[],
  owner: 'person' | 'runtime' = 'person',
): string[] {
  return adapter.required_scopes[owner]
    .map((required) => required.scope)
    .filter((scope) => !adapter.hasScope(granted, scope))
}
