import type { Static, TSchema } from 'typebox'
import type { Endpoint } from './endpoint.ts'
import { type EndpointName, type Endpoints, endpoints } from './endpoints.ts'
import { type Problem, ProblemError, problemType } from './problems.ts'
import type { vaultEndpoints } from './vault-endpoints.ts'

type Part<E, K extends string> = E extends { [key in K]: infer S extends TSchema }
  ? { [key in K]: Static<S> }
  : object

/** What an endpoint takes: its path parameters, query and body, each only where it has one. */
export type Input<N extends EndpointName> = Part<Endpoints[N], 'params'> &
  Partial<Part<Endpoints[N], 'query'>> &
  Part<Endpoints[N], 'body'>

/** What an endpoint answers on success. */
export type Result<N extends EndpointName> = Endpoints[N]['result'] extends TSchema
  ? Static<Endpoints[N]['result']>
  : undefined

/** An answer that is not ours: of something that stands before us, or in our place. */
export class ForeignAnswerError extends ProblemError {}

/** Sends one request; the global `fetch` does, and so does anything that looks like it. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface ClientOptions {
  /** Address before the endpoint's path; empty in a page. */
  base_url: string
  fetch?: Fetch
  headers?: Record<string, string>
}

export type Client = {
  [N in EndpointName]: (input: Input<N>, options?: { signal?: AbortSignal }) => Promise<Result<N>>
}

/** The part of it that runtimes call, at a vault. */
export type RuntimeClient = Pick<Client, keyof typeof vaultEndpoints>

/**
 * A client with one function per endpoint. A problem answer is thrown as `ProblemError`; no answer,
 * or one that is not ours, as the `TypeError` of `fetch` or a `ForeignAnswerError`.
 */
export function createClient(options: ClientOptions): Client {
  const calls = Object.entries(endpoints).map(([name, endpoint]) => [
    name,
    (input: CallInput, call?: { signal?: AbortSignal }) =>
      send(options, endpoint, input, call?.signal),
  ])
  // The entries come from `endpoints`, from which `Client` is derived: names and shapes agree.
  return Object.fromEntries(calls)
}

/** What any endpoint may take. */
export interface CallInput {
  params?: Record<string, string>
  query?: Record<string, unknown>
  body?: unknown
}

async function send(
  options: ClientOptions,
  endpoint: Endpoint,
  input: CallInput,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const url = options.base_url + addressOf(endpoint, input)
  const headers: Record<string, string> = { accept: 'application/json', ...options.headers }
  const init: RequestInit = { method: endpoint.method, headers, signal: signal ?? null }
  if (input.body !== undefined) {
    headers['content-type'] = 'application/json'
    init.body = JSON.stringify(input.body)
  }
  const response = await (options.fetch ?? fetch)(url, init)
  const { ok, status } = response
  const body: unknown = status === 204 ? undefined : await response.json().catch(() => undefined)
  if (ok && isOurs(endpoint, status, body)) return body
  throw problemFrom(options.base_url, status, body)
}

/**
 * Whether an answer has anything of what its endpoint says on success. Not all of it: an older
 * version may not have what is new. Pages know no schemas, and whom they ask.
 */
function isOurs({ result }: Endpoint, status: number, body: unknown): boolean {
  if (result === null) return status === 204
  const { required } = result as { required?: readonly string[] }
  if (required === undefined) return body !== undefined
  return typeof body === 'object' && body !== null && required.some((name) => name in body)
}

/** Path and query of a call, always in the same words. */
export function addressOf(endpoint: Pick<Endpoint, 'path'>, input: CallInput): string {
  const path = endpoint.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(input.params?.[name] ?? ''),
  )
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value !== undefined) query.set(name, String(value))
  }
  return query.size === 0 ? path : `${path}?${query}`
}

function problemFrom(base_url: string, status: number, body: unknown): ProblemError {
  const problem = body as Partial<Problem> | undefined
  const type = typeof problem?.type === 'string' ? problemType(problem.type) : undefined
  if (problem === undefined || type === undefined) {
    return new ForeignAnswerError('internal-error', foreignAnswer(base_url, status))
  }
  const { type: _, title: __, status: ___, detail, ...extensions } = problem
  return new ProblemError(type, detail ?? '', { extensions })
}

function foreignAnswer(base_url: string, status: number): string {
  if (base_url === '') {
    return `Something before Countersign answered in its place, with ${status}. Try again in a moment; if it stays so, tell your administrator.`
  }
  if (status >= 500) {
    return `Countersign does not answer at ${base_url}: something before it says ${status}.`
  }
  const says = status < 300 ? '' : `: it says ${status}`
  return `What answers at ${base_url} is not Countersign${says}. Check the address.`
}
