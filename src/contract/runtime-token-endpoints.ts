import { authorizationEndpoints } from './authorization-endpoints.ts'
import { Candidate, Connection, RuntimeToken, RuntimeTokenDetail } from './connections.ts'
import { admin, byId, byRow, type Endpoint } from './endpoint.ts'
import { inputs } from './inputs.ts'
import { PageQuery, pageOf } from './resources.ts'

/**
 * What administrators do with a runtime's own token. How a candidate or an authorization goes is
 * read, and another account confirmed, where people do it for themselves.
 */
export const runtimeTokenEndpoints = {
  listRuntimeTokens: {
    ...admin,
    method: 'GET',
    path: '/api/v1/runtimes/{id}/tokens',
    summary: "The runtime's own token at each Git host that it uses",
    params: byId,
    query: PageQuery,
    status: 200,
    result: pageOf(RuntimeToken),
    problems: ['not-found'],
  },
  getRuntimeToken: {
    ...admin,
    method: 'GET',
    path: '/api/v1/runtimes/{runtime_id}/tokens/{provider_id}',
    summary: 'One of them, with all that is needed to add or replace it',
    params: byRow,
    status: 200,
    result: RuntimeTokenDetail,
    problems: ['not-found'],
  },
  createRuntimeCandidate: {
    ...admin,
    method: 'POST',
    path: '/api/v1/runtime-candidates',
    summary: "Hand in a token that is to be the runtime's own; it is checked first",
    body: inputs.createCandidate,
    status: 202,
    result: Candidate,
    problems: [
      'not-found',
      'provider-not-on-runtime',
      'token-empty',
      'token-too-long',
      'token-malformed',
      'token-of-another-provider',
      'vault-key-unknown',
      'box-not-authentic',
      'candidate-exists',
      'too-many-attempts',
    ],
  },
  beginRuntimeAuthorization: {
    ...admin,
    method: 'POST',
    path: '/api/v1/runtime-authorization-requests',
    summary: 'Begin to authorize the runtime itself with OAuth2, as its robot account',
    body: inputs.beginAuthorization,
    status: 201,
    result: authorizationEndpoints.beginAuthorization.result,
    problems: [
      'provider-not-on-runtime',
      'client-not-registered',
      'authorization-request-exists',
      'vault-key-unknown',
      'box-not-authentic',
      'too-many-attempts',
    ],
  },
  checkRuntimeToken: {
    ...admin,
    method: 'POST',
    path: '/api/v1/runtimes/{runtime_id}/tokens/{provider_id}/check',
    summary: "Ask the Git host about the runtime's own token now",
    params: byRow,
    status: 202,
    result: Connection,
    problems: ['not-found', 'too-many-attempts'],
  },
  deleteRuntimeToken: {
    ...admin,
    method: 'DELETE',
    path: '/api/v1/runtimes/{runtime_id}/tokens/{provider_id}',
    summary: "Destroy the runtime's own token; a grant is revoked at the Git host",
    params: byRow,
    status: 204,
    result: null,
    problems: ['not-found'],
  },
} as const satisfies Record<string, Endpoint>
