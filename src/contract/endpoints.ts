import { authorizationEndpoints } from './authorization-endpoints.ts'
import type { Caller, Endpoint } from './endpoint.ts'
import { peopleEndpoints } from './people-endpoints.ts'
import type { ProblemType } from './problems.ts'
import { registrationEndpoints } from './registration-endpoints.ts'
import { revocationEndpoints } from './revocations.ts'
import { runtimeEndpoints } from './runtime-endpoints.ts'
import { runtimeTokenEndpoints } from './runtime-token-endpoints.ts'
import { sessionEndpoints } from './session-endpoints.ts'
import { vaultEndpoints } from './vault-endpoints.ts'

/**
 * The whole API as data. Routes, the typed client and the OpenAPI document are made from it;
 * the event stream and avatars, which are not JSON, are the two routes outside.
 */
export const endpoints = {
  ...sessionEndpoints,
  ...authorizationEndpoints,
  ...registrationEndpoints,
  ...runtimeEndpoints,
  ...peopleEndpoints,
  ...runtimeTokenEndpoints,
  ...revocationEndpoints,
  ...vaultEndpoints,
} as const satisfies Record<string, Endpoint>

export type Endpoints = typeof endpoints
export type EndpointName = keyof Endpoints

/** Problems that any endpoint of a caller can answer, beside its own. */
export const commonProblems: Record<Caller, readonly ProblemType[]> = {
  anyone: ['request-invalid', 'origin-not-allowed', 'internal-error', 'database-unavailable'],
  person: [
    'request-invalid',
    'origin-not-allowed',
    'not-signed-in',
    'internal-error',
    'database-unavailable',
  ],
  admin: [
    'request-invalid',
    'origin-not-allowed',
    'not-signed-in',
    'not-an-administrator',
    'internal-error',
    'database-unavailable',
  ],
  runtime: ['request-invalid', 'runtime-key-invalid', 'internal-error', 'database-unavailable'],
}

/**
 * Names of events on `GET /api/v1/events` (text/event-stream). An event carries no data beyond an
 * id: it says what to read again.
 */
export const eventNames = [
  'access',
  'candidate',
  'authorization_request',
  'runtimes',
  'runtime_token',
  'agents',
  'providers',
  'clients',
  'people',
] as const
export type EventName = (typeof eventNames)[number]

/** Events that only administrators hear, beside the person whom one is about. */
export const administrationEvents: readonly EventName[] = ['runtime_token', 'agents', 'people']

export const EVENTS_PATH = '/api/v1/events'

/**
 * The event with which a stream begins, and which comes again, so that whoever listens knows that
 * nothing holds the others back. Its data are the seconds until the next one.
 */
export const ALIVE_EVENT = 'alive'

/**
 * Where a provider sends the browser back to: the `redirect_uri` of RFC 6749 §4.1.1. Each has its
 * own, so that no provider is sent what another one granted.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9700#section-4.4.2.2
 */
export function callbackPath(provider_id: string): string {
  return `/oauth/callback/${provider_id}`
}
