import * as oauth from 'oauth4webapi'
import { askedWait } from './asked-wait.ts'
import { scopesAmong } from './scopes.ts'
import { inStandardForm, lifetimeIn } from './standard-form.ts'

/** A token endpoint and how to speak to it. The `fetch` decides what can be reached. */
export interface TokenEndpoint {
  issuer: string
  token_endpoint: string
  /** Without a secret: a public client, RFC 6749 §2.1, which says who it is by its id alone. */
  client: { client_id: string; client_secret: string | null }
  client_authentication: ClientAuthentication
  /**
   * What ends a grant here, beside `invalid_grant`: values of `error`, or, where one word stands for
   * several things, `error: error_description` or, of a number among `error_codes`, `error: number`.
   */
  dead_grant_errors: readonly string[]
  /** In the same form: what means a wrong client here, beside RFC 6749's own. */
  misconfigured_errors: readonly string[]
  /** In the same form: what says nothing here about grant or client, whatever RFC 6749 has it say. */
  transient_errors: readonly string[]
  /** In the same form: what means that a policy is in the way here, whatever RFC 6749 has it say. */
  blocked_errors: readonly string[]
  fetch: TokenFetch
}

/** How a client says who it is, RFC 6749 §2.3; `none`: by its id, as a public client does. */
export type ClientAuthentication = 'client_secret_basic' | 'client_secret_post' | 'none'

export type TokenFetch = (
  url: string,
  init: { method: 'POST'; headers: Record<string, string>; body: URLSearchParams },
) => Promise<Response>

/** What a token endpoint granted. */
export interface TokenAnswer {
  access_token: string
  /** Null: the host gave none; with a refresh, the one before stays. */
  refresh_token: string | null
  /** Seconds; null: the host did not say. */
  expires_in: number | null
  refresh_token_expires_in: number | null
  /** Null: the host did not say; by RFC 6749 §5.1 as asked for. */
  scopes: string[] | null
}

/**
 * Why there is no token.
 * - `permanent`: the server says that the grant is gone
 * - `misconfigured`: the server says that the client is wrong
 * - `blocked`: the server says that a policy is in the way; the grant stays, and nobody who authorizes
 *   anew gets past it
 * - `transient`: anything else; nothing is known about the grant
 */
export class TokenEndpointError extends Error {
  override readonly name = 'TokenEndpointError'
  readonly outcome: 'permanent' | 'transient' | 'misconfigured' | 'blocked'
  /** `error` of RFC 6749 §5.2, if the server said one: any text, to be compared only. */
  readonly error: string | undefined
  /** Why, to be written down: `error` where it is one of those that are known, and else `outcome`. */
  readonly reason: string
  /** Seconds the server asks us to wait. */
  readonly retry_after: number | undefined

  constructor(
    outcome: TokenEndpointError['outcome'],
    details: { error?: string; retry_after?: number | undefined; cause?: unknown },
  ) {
    const isSaid = outcome === 'permanent' || outcome === 'misconfigured'
    const reason = (isSaid && details.error) || outcome
    super(`there is no token: ${reason}`, { cause: details.cause })
    this.reason = reason
    this.outcome = outcome
    this.error = details.error
    this.retry_after = details.retry_after
  }
}

/** RFC 6749 §5.2 and §4.1.2.1: errors that no retry mends, but somebody who sets up the client. */
const CLIENT_ERRORS = [
  'invalid_client',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_request',
  'invalid_scope',
]

/**
 * Exchanges an authorization code, RFC 6749 §4.1.3 with RFC 7636 §4.5.
 *
 * @throws TokenEndpointError
 */
export async function exchangeCode(
  endpoint: TokenEndpoint,
  grant: { code: string; redirect_uri: string; code_verifier: string },
): Promise<TokenAnswer> {
  const { server, client, authentication } = partiesOf(endpoint)
  const callback = new URLSearchParams({ code: grant.code })
  const checked = oauth.validateAuthResponse(server, client, callback, oauth.skipStateCheck)
  return await ask(endpoint, (options) =>
    oauth.authorizationCodeGrantRequest(
      server,
      client,
      authentication,
      checked,
      grant.redirect_uri,
      grant.code_verifier,
      options,
    ),
  )
}

/**
 * Refreshes, RFC 6749 §6.
 *
 * @param more parameters that this host wants repeated
 * @throws TokenEndpointError
 */
export async function refresh(
  endpoint: TokenEndpoint,
  refresh_token: string,
  more: Readonly<Record<string, string>>,
): Promise<TokenAnswer> {
  const { server, client, authentication } = partiesOf(endpoint)
  return await ask(endpoint, (options) =>
    oauth.refreshTokenGrantRequest(server, client, authentication, refresh_token, {
      ...options,
      additionalParameters: { ...more },
    }),
  )
}

/** The server, client and client authentication of an endpoint, for oauth4webapi. */
export function partiesOf(endpoint: TokenEndpoint) {
  const { issuer, token_endpoint, client, client_authentication } = endpoint
  return {
    server: { issuer, token_endpoint },
    client: { client_id: client.client_id },
    authentication: authenticationOf(client_authentication, client.client_secret),
  }
}

function authenticationOf(
  kind: ClientAuthentication,
  client_secret: string | null,
): oauth.ClientAuth {
  if (kind === 'none' || client_secret === null) return oauth.None()
  return kind === 'client_secret_basic'
    ? clientSecretBasic(client_secret)
    : oauth.ClientSecretPost(client_secret)
}

/**
 * RFC 6749 §2.3.1: id and secret are encoded as in a form. That of `oauth4webapi` encodes `-` and `_`
 * too, which forms leave as they are: secrets have them, and a host that does not decode never sees
 * its own.
 */
function clientSecretBasic(client_secret: string): oauth.ClientAuth {
  return (_server, { client_id }, _body, headers) => {
    const credentials = `${formEncoded(client_id)}:${formEncoded(client_secret)}`
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`)
  }
}

/** RFC 6749 appendix B. */
function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}

type RequestOptions = oauth.TokenEndpointRequestOptions

/**
 * Sends a request to the token endpoint and reads what it grants.
 *
 * @throws TokenEndpointError
 */
export async function ask(
  endpoint: TokenEndpoint,
  send: (options: RequestOptions) => Promise<Response>,
): Promise<TokenAnswer> {
  const { server, client } = partiesOf(endpoint)
  return await askFor(endpoint, send, async (answer) =>
    answerFrom(await oauth.processGenericTokenEndpointResponse(server, client, answer)),
  )
}

/**
 * Sends a request to an endpoint of the server, puts the answer into standard form and reads it.
 *
 * @throws TokenEndpointError
 */
export async function askFor<T>(
  endpoint: TokenEndpoint,
  send: (options: RequestOptions) => Promise<Response>,
  read: (answer: Response) => Promise<T>,
): Promise<T> {
  let retry_after: number | undefined
  const options: RequestOptions = {
    // Which hosts may be spoken to without TLS is decided where they are registered.
    [oauth.allowInsecureRequests]: true,
    [oauth.customFetch]: async (url, { headers, body }) => {
      const answer = await endpoint.fetch(url, {
        method: 'POST',
        headers,
        body: body as URLSearchParams,
      })
      retry_after = secondsFrom(answer.headers.get('retry-after'))
      return await inStandardForm(answer)
    },
  }
  try {
    return await read(await send(options))
  } catch (error) {
    throw failureFrom(endpoint, error, retry_after)
  }
}

/**
 * Reads an answer that was kept.
 *
 * @param answer with the status 200 and the body as they came
 * @throws TokenEndpointError with `error` where the server said no
 */
export async function readTokenAnswer(answer: Response): Promise<TokenAnswer> {
  const nobody = { issuer: 'https://issuer.invalid' }
  try {
    return answerFrom(
      await oauth.processGenericTokenEndpointResponse(
        nobody,
        { client_id: 'kept' },
        await inStandardForm(answer),
      ),
    )
  } catch (cause) {
    const error = cause instanceof oauth.ResponseBodyError ? { error: cause.error } : {}
    throw new TokenEndpointError('transient', { ...error, cause })
  }
}

function answerFrom(granted: oauth.TokenEndpointResponse): TokenAnswer {
  const { access_token, refresh_token, expires_in, scope } = granted
  return {
    access_token,
    refresh_token: refresh_token ?? null,
    expires_in: expires_in ?? null,
    refresh_token_expires_in: lifetimeIn(granted.refresh_token_expires_in) ?? null,
    scopes: scopesIn(scope),
  }
}

/** An empty list says nothing: so GitHub answers for its Apps, whose tokens have permissions instead. */
function scopesIn(scope: string | undefined): string[] | null {
  const scopes = scopesAmong(scope?.split(/[\s,]+/) ?? [])
  return scopes.length === 0 ? null : scopes
}

function failureFrom(
  endpoint: TokenEndpoint,
  cause: unknown,
  retry_after: number | undefined,
): TokenEndpointError {
  if (cause instanceof oauth.ResponseBodyError) {
    const { error } = cause
    const forms = formsOf(cause)
    const isAmong = (list: readonly string[]) => forms.some((form) => list.includes(form))
    if (isAmong(endpoint.transient_errors)) {
      return new TokenEndpointError('transient', { error, retry_after, cause })
    }
    if (isAmong(endpoint.blocked_errors)) return new TokenEndpointError('blocked', { error, cause })
    if (error === 'invalid_grant' || isAmong(endpoint.dead_grant_errors)) {
      return new TokenEndpointError('permanent', { error, cause })
    }
    if (isAmong(CLIENT_ERRORS) || isAmong(endpoint.misconfigured_errors)) {
      return new TokenEndpointError('misconfigured', { error, cause })
    }
    return new TokenEndpointError('transient', { error, retry_after, cause })
  }
  if (cause instanceof oauth.WWWAuthenticateChallengeError && cause.status === 401) {
    return new TokenEndpointError('misconfigured', { error: 'invalid_client', cause })
  }
  const asked = (cause as { retry_after?: number } | undefined)?.retry_after
  return new TokenEndpointError('transient', { retry_after: asked ?? retry_after, cause })
}

/** An error in the forms in which adapters name it. */
function formsOf({ error, error_description, cause }: oauth.ResponseBodyError): string[] {
  const { error_codes } = cause
  const codes = Array.isArray(error_codes) ? error_codes : []
  return [error, ...[error_description, ...codes].map((more) => `${error}: ${more}`)]
}

function secondsFrom(text: string | null): number | undefined {
  const seconds = Number(text ?? Number.NaN)
  return Number.isInteger(seconds) && seconds >= 0 ? askedWait(seconds) : undefined
}
