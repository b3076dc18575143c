import fastJsonStringify, { type Schema } from 'fast-json-stringify'
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import type { Logger } from 'pino'
import { ProblemError, problems } from '../contract/index.ts'
import { isDatabaseAway, isOfRemovedPerson, isUnstorableText } from '../store/database.ts'
import { closeUnusedConnections } from './drain.ts'
import { type InvalidField, invalidFields } from './invalid-fields.ts'
import { compileSchema } from './validate.ts'

export interface AppOptions {
  log: Logger
  /** Milliseconds within which a whole request must have arrived. */
  request_timeout_ms: number
  /** How many proxies in a row, or which, are believed about `X-Forwarded-For`. */
  trust_proxy: number | string[]
}

/** Bytes of a request body: a sealed token of the longest kind fits. */
const BODY_LIMIT = 256 * 1024

/** A Fastify server that answers every failure with a problem document, RFC 9457. */
export function createApp(options: AppOptions): FastifyInstance {
  const app = fastify({
    loggerInstance: options.log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    // A log of its own for every request costs each, and hardly any writes a line.
    childLoggerFactory: (log) => log,
    bodyLimit: BODY_LIMIT,
    trustProxy: trustedProxies(options.trust_proxy),
    requestTimeout: options.request_timeout_ms,
    routerOptions: { maxParamLength: 200 },
    http: {
      headersTimeout: options.request_timeout_ms,
      connectionsCheckingInterval: Math.min(1000, options.request_timeout_ms),
    },
    frameworkErrors: (error, request, reply) => {
      void sendProblem(reply, toProblemError(error, request))
    },
    clientErrorHandler: (error, socket) => {
      const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      const problem = late
        ? new ProblemError('request-too-slow', 'Send the whole request at once.')
        : new ProblemError('request-invalid', 'This is not an HTTP request.')
      if (socket.writable) socket.end(rawAnswer(problem))
      else socket.destroy()
    },
  })
  app.decorateRequest('caller', undefined)
  closeUnusedConnections(app)
  // Any site can make a browser send text/plain; nothing here takes it.
  app.removeContentTypeParser('text/plain')
  app.setValidatorCompiler(({ schema, httpPart }) =>
    madeAtFirstUse(() => compileSchema(schema, httpPart)),
  )
  app.setSerializerCompiler(({ schema }) =>
    madeAtFirstUse(() => fastJsonStringify(schema as Schema)),
  )
  app.setErrorHandler((error, request, reply) => {
    void sendProblem(reply, toProblemError(error, request))
  })
  return app
}

/** To make all of them when a process starts takes a good part of that. */
function madeAtFirstUse<Input, Output>(make: () => (input: Input) => Output) {
  let made: ReturnType<typeof make> | undefined
  return (input: Input): Output => {
    made ??= make()
    return made(input)
  }
}

/**
 * Each proxy appends the address that it sees, so counting goes from our end: what stands left of
 * the last believed entry is the client's own word.
 */
function trustedProxies(trusted: number | string[]) {
  if (typeof trusted !== 'number') return trusted
  return trusted > 0 && ((_address: string, hop: number) => hop < trusted)
}

/** Answers every address that has no route with a problem document. */
export function answerNotFound(app: FastifyInstance): void {
  app.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, new ProblemError('not-found', 'Check the address.')),
  )
}

/** Sends a problem document, RFC 9457 §3, also where no hook has run, as an address cannot be read. */
export function sendProblem(reply: FastifyReply, problem: ProblemError): FastifyReply {
  const document = problem.toProblem()
  if (document.retry_after !== undefined) reply.header('retry-after', document.retry_after)
  return reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send(document)
}

/** What a failure means to the caller; the rest of it goes to the log. */
export function toProblemError(thrown: unknown, request: FastifyRequest): ProblemError {
  if (thrown instanceof ProblemError) {
    if (thrown.status >= 500) request.log.warn({ err: thrown, request_id: request.id }, thrown.type)
    return thrown
  }
  if (isDatabaseAway(thrown)) {
    request.log.warn({ err: thrown, request_id: request.id }, 'database away')
    return new ProblemError('database-unavailable', 'Nothing was changed. Try again in a moment.')
  }
  if (isUnstorableText(thrown)) {
    return new ProblemError('request-invalid', 'Texts cannot have the character U+0000 in them.')
  }
  if (isOfRemovedPerson(thrown)) {
    return new ProblemError('not-signed-in', 'Your account was removed.')
  }
  const error = thrown as FastifyError
  if (error.code === 'FST_ERR_BAD_URL' || error.code === 'FST_ERR_MAX_PARAM_LENGTH') {
    return new ProblemError('not-found', 'Check the address.')
  }
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new ProblemError('body-too-large', `Send at most ${BODY_LIMIT / 1024} KiB.`)
  }
  if (error.code?.startsWith('FST_ERR_CTP_INVALID_MEDIA_TYPE')) {
    return new ProblemError('media-type-unsupported', 'Send `content-type: application/json`.')
  }
  if (error.validation !== undefined) {
    const errors = invalidFields(error.validation)
    const detail = `In the ${partOf(error.validationContext)}${firstOf(errors)}`
    return new ProblemError('request-invalid', detail, { extensions: { errors } })
  }
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new ProblemError('request-invalid', 'The body is not the JSON that is expected here.', {
      cause: thrown,
    })
  }
  request.log.error({ err: thrown, request_id: request.id }, 'unexpected failure')
  return new ProblemError('internal-error', 'It was written to the log. Try again later.', {
    extensions: { instance: request.id },
  })
}

/** The part of a request that Fastify found at fault, in HTTP's own word. */
function partOf(context: FastifyError['validationContext']): string {
  if (context === 'querystring') return 'query'
  return context === 'params' ? 'path' : (context ?? 'request')
}

/** The end of a sentence: the first fault, and that there are more. */
function firstOf([first, ...more]: readonly InvalidField[]): string {
  if (first === undefined) return '.'
  const place = first.pointer === '' ? '' : `, at ${first.pointer}`
  return `${place}: ${first.detail}${more.length > 0 ? ' More is wrong, too: see `errors`.' : ''}`
}

/** An answer for a connection on which HTTP itself went wrong. */
function rawAnswer(problem: ProblemError): string {
  const body = JSON.stringify(problem.toProblem())
  return [
    `HTTP/1.1 ${problem.status} ${problems[problem.type].title}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n')
}
