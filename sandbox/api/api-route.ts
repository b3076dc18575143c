import type { ServerResponse } from 'node:http'
import { authenticate, type Caller } from '../authentication.ts'
import { type Exchange, type Route, readBody, sendJson } from '../http.ts'
import { includesScopes, isPublicOnly, requiredScopes, type ScopeCategory } from '../scopes.ts'
import type { Account, Forge } from '../state.ts'

/** What an API operation sees. */
export interface ApiCall extends Exchange {
  caller: Caller | undefined
  /** Who called; only operations with `signed_in: true` may rely on it. */
  account: Account
  /** The token may only touch what is public. */
  public_only: boolean
}

export interface ApiOperation {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  pattern: string
  /** Each group is one check of Gitea's: the first that fails names its scopes in the answer. */
  scopes: readonly (readonly ScopeCategory[])[]
  signed_in: boolean
  handle(call: ApiCall): void | Promise<void>
}

const PROHIBITED =
  'This account is prohibited from signing in, please contact your site administrator.'

/** An answer other than success. Thrown by operations, sent in Gitea's shape. */
export class ApiError extends Error {
  readonly status: number
  readonly body: Record<string, unknown>

  constructor(status: number, message: string, body: Record<string, unknown> = {}) {
    super(message)
    this.status = status
    this.body = body
  }
}

/** Gitea's 404: unlike its other errors it has a list of causes. */
export function notFound(message = 'not found', errors: string[] | null = null): ApiError {
  return new ApiError(404, message, { errors })
}

/** Turns an operation into a route that authenticates, checks scopes and shapes errors. */
export function apiRoute(forge: Forge, operation: ApiOperation): Route {
  return {
    method: operation.method,
    pattern: `/api/v1${operation.pattern}`,
    async handle(exchange) {
      exchange.response.setHeader('x-content-type-options', 'nosniff')
      exchange.response.setHeader('cache-control', 'max-age=0, private, must-revalidate')
      try {
        const caller = await identify(forge, exchange)
        if (caller === 'prohibited')
          return sendJson(exchange.response, 403, { message: PROHIBITED })
        checkScopes(operation, caller)
        if (operation.signed_in && !caller) throw new ApiError(401, 'token is required')
        await operation.handle({
          ...exchange,
          caller,
          account: caller?.account as Account,
          public_only: caller?.scope !== undefined && isPublicOnly(caller.scope),
        })
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        sendApiError(forge, exchange.response, error)
      }
    },
  }
}

/**
 * Reads the JSON body of a call.
 * @throws ApiError 422 with Gitea's words when it is missing or not JSON
 */
export async function readJson(call: ApiCall): Promise<Record<string, unknown>> {
  if (!call.request.headers['content-type']) throw new ApiError(422, '[]: Empty Content-Type')
  const text = await readBody(call.request)
  if (text === '') return {}
  try {
    const body: unknown = JSON.parse(text)
    if (body !== null && typeof body === 'object') return body as Record<string, unknown>
  } catch {
    // Falls through to the same refusal as a body of another type.
  }
  throw new ApiError(422, '[]: invalid character looking for beginning of value')
}

/** `page` and `limit` of a list, as Gitea bounds them. */
export function pageOf(url: URL): { limit: number; skip: number } {
  const limit = Math.min(Math.max(Number(url.searchParams.get('limit')) || 30, 1), 50)
  const page = Math.max(Number(url.searchParams.get('page')) || 1, 1)
  return { limit, skip: (page - 1) * limit }
}

async function identify(
  forge: Forge,
  exchange: Exchange,
): Promise<Caller | undefined | 'prohibited'> {
  const caller = await authenticate(forge, exchange.request)
  if (caller === 'refused') throw new ApiError(401, 'invalid username, password or token')
  if (caller === 'anonymous') return undefined
  return caller.account.prohibit_login ? 'prohibited' : caller
}

function checkScopes(operation: ApiOperation, caller: Caller | undefined): void {
  const scope = caller?.scope
  if (scope === undefined) return
  const level = operation.method === 'GET' ? 'read' : 'write'
  for (const categories of operation.scopes) {
    const required = requiredScopes(level, categories)
    if (includesScopes(scope, required)) continue
    throw new ApiError(
      403,
      `token does not have at least one of required scope(s), required=[${required.join(' ')}], token scope=${scope}`,
    )
  }
}

function sendApiError(forge: Forge, response: ServerResponse, error: ApiError): void {
  const url = `${forge.url}/api/swagger`
  sendJson(response, error.status, { ...error.body, message: error.message, url })
}
