import Type from 'typebox'
import {
  Credential,
  CredentialRequest,
  RepositoryAccess,
  RepositoryAccessRequest,
  RuntimeView,
} from './credentials.ts'
import type { Endpoint } from './endpoint.ts'
import { closed } from './resources.ts'

/** What a vault answers to runtimes. */
export const vaultEndpoints = {
  issueCredential: {
    role: 'vault',
    method: 'POST',
    path: '/api/v1/credential',
    caller: 'runtime',
    summary: 'A credential for one Git host, as one person or as the runtime itself',
    body: CredentialRequest,
    status: 200,
    result: Credential,
    problems: [
      'host-not-registered',
      'authorization-missing',
      'runtime-token-missing',
      'credential-expired',
      'credential-rejected',
      'credential-scopes-missing',
      'reauthorization-required',
      'credential-unreadable',
      'provider-unavailable',
      'database-unavailable',
    ],
  },
  reportCredential: {
    role: 'vault',
    method: 'POST',
    path: '/api/v1/credential/report',
    caller: 'runtime',
    summary: 'Git was refused with this credential (its `erase`): have it checked',
    body: CredentialRequest,
    status: 204,
    result: null,
    problems: ['host-not-registered', 'authorization-missing', 'runtime-token-missing'],
  },
  readRepositoryAccess: {
    role: 'vault',
    method: 'POST',
    path: '/api/v1/repository-access',
    caller: 'runtime',
    summary: 'Whether one person, or the runtime itself, may read or write a repository',
    body: RepositoryAccessRequest,
    status: 200,
    result: RepositoryAccess,
    problems: [
      'host-not-registered',
      'authorization-missing',
      'runtime-token-missing',
      'credential-expired',
      'credential-rejected',
      'credential-scopes-missing',
      'reauthorization-required',
      'credential-unreadable',
      'provider-unavailable',
      'database-unavailable',
    ],
  },
  getRuntimeView: {
    role: 'vault',
    method: 'GET',
    path: '/api/v1/runtime',
    caller: 'runtime',
    summary: 'The runtime this key belongs to, and one person on it; counts as a sign of life',
    query: Type.Object(
      {
        person: Type.Optional(Type.String({ maxLength: 320 })),
        /** Set by a long-lived agent: its version. */
        agent: Type.Optional(Type.String({ maxLength: 40 })),
      },
      closed,
    ),
    status: 200,
    result: RuntimeView,
    problems: [],
  },
} as const satisfies Record<string, Endpoint>
