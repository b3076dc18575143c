import * as oauth from 'oauth4webapi'

/** What an authorization request says. Names are those of RFC 6749 §4.1.1 and RFC 7636 §4.3. */
export interface AuthorizationParameters {
  client_id: string
  redirect_uri: string
  scopes: readonly string[]
  state: string
  /** Method S256; sent to every host, also to one that does not look at it. */
  code_challenge: string
  /** What this host wants beside those. */
  more: Readonly<Record<string, string>>
}

/** The address that begins an authorization in the person's browser. */
export function authorizationUrl(
  authorization_endpoint: string,
  parameters: AuthorizationParameters,
): string {
  const { client_id, redirect_uri, scopes, state, code_challenge, more } = parameters
  const url = new URL(authorization_endpoint)
  const query = {
    response_type: 'code',
    client_id,
    redirect_uri,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    state,
    code_challenge,
    code_challenge_method: 'S256',
    ...more,
  }
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  return url.href
}

/** What the provider sent the browser back with. */
export type Callback =
  | { code: string }
  /** RFC 6749 §4.1.2.1 */
  | { error: string }
  /** Not an answer of the server that was asked (RFC 9207), or not an answer at all. */
  | { unusable: string }

/**
 * Reads the query of a callback whose `state` has been found to be ours.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9207 `iss`, checked where the server gives it
 */
export function readCallback(
  query: URLSearchParams,
  expected: { issuer: string; client_id: string },
): Callback {
  try {
    const server = { issuer: expected.issuer }
    const client = { client_id: expected.client_id }
    const checked = oauth.validateAuthResponse(server, client, query, oauth.skipStateCheck)
    // RFC 6749 §3.1: no parameter twice. The library holds all others to that.
    const [code, ...more] = checked.getAll('code')
    if (!code || more.length > 0) return { unusable: 'not one code' }
    return { code }
  } catch (error) {
    if (error instanceof oauth.AuthorizationResponseError) return { error: error.error }
    return { unusable: error instanceof Error ? error.message : 'not an answer' }
  }
}
