import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ProblemError } from '../contract/index.ts'
import { bind, type CallContext } from '../http/bind.ts'
import { type RuntimeCallParts, runtimeCalls } from './runtime-calls.ts'

/** What a vault answers to runtimes, by HTTP. */
export function vaultRoutes(app: FastifyInstance, parts: RuntimeCallParts): void {
  const as = ({ caller: key, ip }: CallContext<string>) => runtimeCalls(parts, { key, ip })
  bind(app, 'issueCredential', bearerOf, (input, call) => as(call).issueCredential(input))
  bind(app, 'reportCredential', bearerOf, (input, call) => as(call).reportCredential(input))
  bind(app, 'readRepositoryAccess', bearerOf, (input, call) => as(call).readRepositoryAccess(input))
  bind(app, 'getRuntimeView', bearerOf, (input, call) => as(call).getRuntimeView(input))
}

/** The bearer token of a request, RFC 6750 §2.1; whether it is a valid key is found out later. */
function bearerOf(request: FastifyRequest): string {
  const key = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (key === undefined) {
    throw new ProblemError(
      'runtime-key-invalid',
      'Send the runtime key as `authorization: Bearer csr_…`.',
    )
  }
  return key
}
