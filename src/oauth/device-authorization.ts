import * as oauth from 'oauth4webapi'
import {
  ask,
  askFor,
  partiesOf,
  type TokenAnswer,
  type TokenEndpoint,
  TokenEndpointError,
} from './token-endpoint.ts'

/** What a person needs to allow something elsewhere, and we to ask for it; RFC 8628 §3.2. */
export interface DeviceAuthorization {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string | null
  /** Seconds. */
  expires_in: number
  /** Seconds between two questions, at least. */
  interval: number
}

export type DevicePoll =
  | { outcome: 'granted'; answer: TokenAnswer }
  /** The person is not done yet; with `slow_down` the interval grows by five seconds. */
  | { outcome: 'authorization_pending' | 'slow_down' }
  | { outcome: 'denied' | 'expired' }

/** RFC 8628 §3.2: what holds where the host says nothing. */
const USUAL_INTERVAL = 5

/** RFC 8628 §3.5, with the words by which Microsoft Entra ID and GitHub say the same. */
const OUTCOMES: Record<string, Exclude<DevicePoll['outcome'], 'granted'>> = {
  authorization_pending: 'authorization_pending',
  slow_down: 'slow_down',
  access_denied: 'denied',
  authorization_declined: 'denied',
  expired_token: 'expired',
  token_expired: 'expired',
}

/**
 * Asks for a code, RFC 8628 §3.1.
 *
 * @throws TokenEndpointError
 */
export async function requestDeviceCode(
  endpoint: TokenEndpoint & { device_authorization_endpoint: string },
  scopes: readonly string[],
): Promise<DeviceAuthorization> {
  const { device_authorization_endpoint } = endpoint
  const { server, client, authentication } = partiesOf(endpoint)
  const host = { ...server, device_authorization_endpoint }
  const parameters = { ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }) }
  const given = await askFor(
    endpoint,
    (options) =>
      oauth.deviceAuthorizationRequest(host, client, authentication, parameters, options),
    (answer) => oauth.processDeviceAuthorizationResponse(host, client, answer),
  )
  const { device_code, user_code, verification_uri, verification_uri_complete } = given
  return {
    device_code,
    user_code,
    verification_uri,
    verification_uri_complete: verification_uri_complete ?? null,
    expires_in: given.expires_in,
    interval: given.interval ?? USUAL_INTERVAL,
  }
}

/**
 * Asks whether the person has allowed it, RFC 8628 §3.4.
 *
 * @throws TokenEndpointError
 */
export async function pollForToken(
  endpoint: TokenEndpoint,
  device_code: string,
): Promise<DevicePoll> {
  const { server, client, authentication } = partiesOf(endpoint)
  try {
    const answer = await ask(endpoint, (options) =>
      oauth.deviceCodeGrantRequest(server, client, authentication, device_code, options),
    )
    return { outcome: 'granted', answer }
  } catch (error) {
    const outcome =
      error instanceof TokenEndpointError && error.error !== undefined
        ? OUTCOMES[error.error]
        : undefined
    if (outcome === undefined) throw error
    return { outcome }
  }
}
