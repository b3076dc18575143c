import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import {
  commonProblems,
  type Endpoint,
  type EndpointName,
  endpoints,
  type Input,
  Problem,
  problems,
  type Result,
} from '../contract/index.ts'

/** What every handler may need of a request beyond its input. */
export interface CallContext<Caller> {
  caller: Caller
  ip: string | null
  request: FastifyRequest
  reply: FastifyReply
}

/** Answers one endpoint. Authentication has been done, and the input fits its schema. */
export type Handler<Name extends EndpointName, Caller> = (
  input: Required<Input<Name>>,
  context: CallContext<Caller>,
) => Promise<Result<Name>>

/** Finds out who calls, or throws the problem that says why not. */
export type Authenticate<Caller> = (
  request: FastifyRequest,
  endpoint: Endpoint,
) => Caller | Promise<Caller>

/** Throws the problem that says why not, where a caller was not known for sure so far. */
export type MakeSure<Caller> = (caller: Caller) => Promise<unknown>

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls, as the `Authenticate` of its route found out. */
    caller: unknown
  }
}

/**
 * Makes the route of an endpoint: authenticates, checks the input, calls the handler, and lets
 * nothing out that the endpoint's schema does not name.
 *
 * @param makeSure of who calls, where only the handler would: a caller who is not known is told so,
 *   and not what was wrong with what they sent
 */
export function bind<Name extends EndpointName, Caller>(
  app: FastifyInstance,
  name: Name,
  authenticate: Authenticate<Caller>,
  handler: Handler<Name, Caller>,
  makeSure?: MakeSure<Caller>,
): void {
  const endpoint: Endpoint = endpoints[name]
  app.route({
    method: endpoint.method,
    url: endpoint.path.replace(/\{(\w+)\}/g, ':$1'),
    schema: {
      ...(endpoint.params === undefined ? {} : { params: endpoint.params }),
      ...(endpoint.query === undefined ? {} : { querystring: endpoint.query }),
      ...(endpoint.body === undefined ? {} : { body: endpoint.body }),
      response: responseSchemas(endpoint),
    },
    attachValidation: true,
    // Who may not call is told so, and not what was wrong with what they sent.
    preValidation: (request, _reply, done) => {
      const found = authenticate(request, endpoint)
      if (found instanceof Promise) {
        return found.then((caller) => {
          request.caller = caller
        })
      }
      request.caller = found
      done()
    },
    handler: async (request, reply) => {
      const caller = request.caller as Caller
      if (request.validationError !== undefined) {
        await makeSure?.(caller)
        throw request.validationError
      }
      const { params, query, body } = request
      // The schemas of `name` have been applied to these three, which is what `Input` is made of.
      const input = { params, query, body } as unknown as Required<Input<Name>>
      const result = await handler(input, { caller, ip: request.ip ?? null, request, reply })
      reply.code(endpoint.status).header('cache-control', 'no-store')
      return endpoint.result === null ? reply.send() : result
    },
  })
}

function responseSchemas(endpoint: Endpoint): Record<string, TSchema | { type: 'null' }> {
  const types = [...commonProblems[endpoint.caller], ...endpoint.problems]
  const failures = types.map((type) => [String(problems[type].status), Problem] as const)
  return {
    ...Object.fromEntries(failures),
    [endpoint.status]: endpoint.result ?? { type: 'null' },
  }
}
