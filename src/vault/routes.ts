import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ProblemError, type RuntimeClient } from '../contract/index.ts'
import { bind, type CallContext, type Handler } from '../http/bind.ts'
import { authenticateRuntime } from './runtime-caller.ts'
import { type RuntimeCallParts, runtimeCalls } from './runtime-calls.ts'

/** What a vault answers to runtimes, by HTTP. */
export function vaultRoutes(app: FastifyInstance, parts: RuntimeCallParts): void {
  const as = ({ caller: key, ip }: CallContext<string>) => runtimeCalls(parts, { key, ip })
  // Each call proves the key by itself, as cheaply as it can: only who sends nonsense is looked up.
  const route = <Name extends keyof RuntimeClient>(name: Name, handler: Handler<Name, string>) =>
    bind(app, name, bearerOf, handler, (key) => authenticateRuntime(parts.db, key))
  route('issueCredential', (input, call) => as(call).issueCredential(input))
  route('reportCredential', (input, call) => as(call).reportCredential(input))
  route('readRepositoryAccess', (input, call) => as(call).readRepositoryAccess(input))
  route('getRuntimeView', (input, call) => as(call).getRuntimeView(input))
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
