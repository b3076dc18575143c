import { lookup } from 'node:dns'
import { lookup as resolve } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, request as send } from 'undici'
import { askedWait } from '../oauth/asked-wait.ts'
import { hostnameOf, isPrivateAddress } from './address.ts'
import { whyNotReached } from './not-reached.ts'
import {
  type ProviderAnswer,
  type ProviderHttp,
  type ProviderRequest,
  ProviderUnavailable,
} from './provider.ts'

/** Bytes of an answer that we are ready to read; a user or a repository takes a few thousand. */
const MAX_ANSWER_BYTES = 1024 * 1024

/** Bytes read of a body that nobody wants whole, to keep the connection; a longer one ends it. */
const UNREAD_BYTES = 16 * 1024

/** Connections to one host for files, beside those that people and runtimes wait for. */
const FILES_AT_ONCE = 4

export interface OutboundOptions {
  /** Milliseconds for a whole exchange, from the first packet to the last byte. */
  timeout_ms: number
}

/** The outbound side of a process: connections to registered Git hosts, and to nothing else. */
export interface Outbound extends AsyncDisposable {
  /** @param origins others than the base URL's that the adapter names */
  to(
    provider: { base_url: string; private_address_confirmed: boolean },
    origins?: readonly string[],
  ): ProviderHttp
  /** A file of limited size and named types from the provider's own host; undefined: not that. */
  file(
    provider: { base_url: string; private_address_confirmed: boolean },
    url: string,
    limits: { types: readonly string[]; max_bytes: number },
  ): Promise<{ type: string; bytes: Buffer } | undefined>
}

/** An address inside a private network that no administrator confirmed. */
export class PrivateAddressError extends Error {
  override readonly name = 'PrivateAddressError'
}

/**
 * Opens the outbound side. Redirects are never followed; a host name that resolves to a private
 * address is refused at the moment of connecting (so DNS cannot change its mind in between).
 */
export function openOutbound(options: OutboundOptions): Outbound {
  const calls = openAgents(options.timeout_ms)
  const files = openAgents(options.timeout_ms, FILES_AT_ONCE)

  function dispatcherFor(agents: Agents, url: URL, private_address_confirmed: boolean): Agent {
    if (private_address_confirmed) return agents.anywhere
    const hostname = hostnameOf(url)
    if (isIP(hostname) !== 0 && isPrivateAddress(hostname)) throw new PrivateAddressError(hostname)
    return agents.publicOnly
  }

  return {
    to({ base_url, private_address_confirmed }, origins = []) {
      const allowed = [new URL(base_url).origin, ...origins]
      async function call(target: string, request: ProviderRequest) {
        const url = target.startsWith('/') ? base_url + target : target
        if (!allowed.includes(new URL(url).origin))
          throw new TypeError(`not a registered host: ${url}`)
        const dispatcher = () => dispatcherFor(calls, new URL(url), private_address_confirmed)
        return await exchange(dispatcher, url, request, options.timeout_ms)
      }
      return {
        base_url,
        request: async (target, request = {}) =>
          understand(await call(target, request), request.without_body ?? []),
        fetch: async (url, { method, headers, body }) => {
          const answer = await call(url, {
            ...(method === undefined ? {} : { method }),
            headers,
            form: body,
          })
          refuseLimited(answer)
          return new Response(answer.bytes, { status: answer.status, headers: answer.headers })
        },
      }
    },
    async file({ base_url, private_address_confirmed }, url, { types, max_bytes }) {
      const target = URL.parse(url, `${base_url}/`)
      if (target === null || target.origin !== new URL(base_url).origin) return undefined
      const response = await send(target, {
        dispatcher: dispatcherFor(files, target, private_address_confirmed),
        signal: AbortSignal.timeout(options.timeout_ms),
      })
      const type = mediaType(response.headers['content-type'])
      if (response.statusCode !== 200 || !types.includes(type)) {
        await response.body.dump({ limit: UNREAD_BYTES })
        return undefined
      }
      const bytes = await readLimited(response.body, max_bytes)
      return bytes === undefined ? undefined : { type, bytes }
    },
    async [Symbol.asyncDispose]() {
      const agents = [...Object.values(calls), ...Object.values(files)]
      await Promise.all(agents.map((agent) => agent.destroy()))
    },
  }
}

/** Ways out: to public addresses only, and to any. */
type Agents = Record<'publicOnly' | 'anywhere', Agent>

/** @param connections to one host at most; those beyond wait, within the time of their exchange */
function openAgents(timeout: number, connections: number | null = null): Agents {
  return {
    publicOnly: new Agent({ connect: { lookup: publicLookup, timeout }, connections }),
    anywhere: new Agent({ connect: { timeout }, connections }),
  }
}

interface RawAnswer {
  host: string
  status: number
  headers: Headers
  bytes: Buffer<ArrayBuffer>
}

async function exchange(
  dispatcher: () => Agent,
  url: string,
  request: ProviderRequest,
  timeout_ms: number,
): Promise<RawAnswer> {
  const host = new URL(url).host
  try {
    const response = await send(url, {
      dispatcher: dispatcher(),
      method: request.method ?? 'GET',
      headers: requestHeaders(request),
      body:
        request.form?.toString() ??
        (request.body === undefined ? null : JSON.stringify(request.body)),
      signal: AbortSignal.timeout(timeout_ms),
    })
    const headers = headersOf(response.headers)
    if (request.without_body?.includes(response.statusCode) && !isJson(headers)) {
      const bytes = await readBeginning(headers, response.body)
      return { host, status: response.statusCode, headers, bytes }
    }
    const bytes = await readLimited(response.body, MAX_ANSWER_BYTES)
    if (bytes === undefined) {
      throw new ProviderUnavailable(`${host} sent an answer without end.`, { answered: true })
    }
    return { host, status: response.statusCode, headers, bytes }
  } catch (error) {
    throw explain(host, error, timeout_ms)
  }
}

/** The beginning of what a Git server says, who may refuse with it; of everything else, nothing. */
async function readBeginning(
  headers: Headers,
  body: AsyncIterable<Buffer> & { dump(options: { limit: number }): Promise<unknown> },
): Promise<Buffer<ArrayBuffer>> {
  if (!isOfGit(headers)) {
    await body.dump({ limit: UNREAD_BYTES })
    return Buffer.alloc(0)
  }
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    length += chunk.length
    if (length > UNREAD_BYTES) break
  }
  return Buffer.concat(chunks)
}

function requestHeaders(request: ProviderRequest): Record<string, string> {
  const headers: Record<string, string> = {
    accept: 'application/json',
    'user-agent': 'countersign',
    ...request.headers,
  }
  if (request.authorization !== undefined) headers.authorization = request.authorization
  if (request.form !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded'
  else if (request.body !== undefined) headers['content-type'] = 'application/json'
  return headers
}

/** Takes an answer for what it is, or throws `ProviderUnavailable` when it says nothing. */
function understand(answer: RawAnswer, without_body: readonly number[]): ProviderAnswer {
  const { host, status, headers, bytes } = answer
  if (status >= 300 && status < 400 && !without_body.includes(status)) {
    throw new ProviderUnavailable(`${host} sent us on to another address.`, { answered: true })
  }
  refuseLimited(answer)
  if (status >= 500) throw new ProviderUnavailable(`${host} answered with error ${status}.`)
  const body = parseJson(headers, bytes)
  if (body !== undefined) return { status, headers, body }
  if (!without_body.includes(status)) {
    throw new ProviderUnavailable(`${host} answered with something that is not its API.`, {
      answered: true,
    })
  }
  return { status, headers, body: isOfGit(headers) ? bytes.toString('utf8') : undefined }
}

function refuseLimited({ host, status, headers }: Omit<RawAnswer, 'bytes'>): void {
  if (!isLimited(status, headers)) return
  throw new ProviderUnavailable(`${host} asks us to wait before asking again.`, {
    retry_after: secondsToWait(headers) ?? LIMITED_SECONDS,
    of_account: isOfAccount(headers),
  })
}

/** Seconds to leave a host alone that says "too often" and not for how long. */
const LIMITED_SECONDS = 5

/** Asked too often: 429, or 403 with the headers by which GitHub and others say the same. */
function isLimited(status: number, headers: Headers): boolean {
  if (status === 429) return true
  return (
    status === 403 && (headers.get('x-ratelimit-remaining') === '0' || headers.has('retry-after'))
  )
}

/**
 * GitHub counts what a token may ask by its account, and says of its other limits how long to wait;
 * GitLab names the limit.
 *
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 * @see https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
 */
function isOfAccount(headers: Headers): boolean {
  const used_up = headers.get('x-ratelimit-remaining') === '0' && !headers.has('retry-after')
  return used_up || (headers.get('ratelimit-name') ?? '').startsWith('throttle_authenticated')
}

/**
 * Hosts name the second at which their limit is lifted, where they do not say how long to wait:
 * GitHub and Azure DevOps in one header, GitLab in another. Their answer says what time it is there,
 * which is what counts.
 *
 * @see https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
 * @see https://learn.microsoft.com/azure/devops/integrate/concepts/rate-limits
 * @see https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
 */
function secondsToWait(headers: Headers): number | undefined {
  const wait = headers.get('retry-after')
  const there = Date.parse(headers.get('date') ?? '')
  const now = (Number.isNaN(there) ? Date.now() : there) / 1000
  if (wait !== null) {
    return wholeSeconds(/^\d+$/.test(wait) ? Number(wait) : Date.parse(wait) / 1000 - now)
  }
  const reset = headers.get('x-ratelimit-reset') ?? headers.get('ratelimit-reset')
  return reset === null ? undefined : wholeSeconds(Number(reset) - now)
}

function wholeSeconds(left: number): number | undefined {
  return Number.isFinite(left) ? askedWait(Math.max(1, Math.ceil(left))) : undefined
}

function isJson(headers: Headers): boolean {
  return mediaType(headers.get('content-type') ?? undefined) === 'application/json'
}

/** A sentence, or what a service of Git's offers. */
function isOfGit(headers: Headers): boolean {
  const type = mediaType(headers.get('content-type') ?? undefined)
  return type === 'text/plain' || type.startsWith('application/x-git-')
}

function parseJson(headers: Headers, bytes: Buffer): unknown {
  if (!isJson(headers)) return undefined
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

function explain(host: string, error: unknown, timeout_ms: number): Error {
  if (error instanceof ProviderUnavailable) return error
  if (!(error instanceof Error)) return new ProviderUnavailable(`${host} could not be reached.`)
  const cause = { cause: error }
  if (error instanceof PrivateAddressError || error.cause instanceof PrivateAddressError) {
    return new ProviderUnavailable(
      `${host} is inside a private network, and no administrator has confirmed that it should be.`,
      cause,
    )
  }
  if (error.name === 'TimeoutError') {
    return new ProviderUnavailable(`${host} gave no answer within ${timeout_ms / 1000} s.`, cause)
  }
  const why = whyNotReached(error)
  const reason = why === undefined ? '' : `: ${why}`
  return new ProviderUnavailable(`${host} could not be reached${reason}.`, cause)
}

/** Reads a body; undefined, with the connection closed, when it is longer than `max_bytes`. */
async function readLimited(
  body: AsyncIterable<Buffer> & { destroy(): unknown },
  max_bytes: number,
): Promise<Buffer<ArrayBuffer> | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > max_bytes) {
      body.destroy()
      return undefined
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function headersOf(raw: Record<string, string | string[] | undefined>): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(raw)) {
    for (const one of [value].flat()) if (one !== undefined) headers.append(name, one)
  }
  return headers
}

function mediaType(contentType: string | string[] | undefined): string {
  return ([contentType].flat()[0] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

/** Whether a host name or IP address means, now, a machine inside a private network. */
export async function leadsToPrivateAddress(hostname: string): Promise<boolean> {
  if (isIP(hostname) !== 0) return isPrivateAddress(hostname)
  const addresses = await resolve(hostname, { all: true }).catch(() => [])
  return addresses.some(({ address }) => isPrivateAddress(address))
}

const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, '', 0)
    const blocked = addresses.find(({ address }) => isPrivateAddress(address))
    if (blocked !== undefined) return callback(new PrivateAddressError(hostname), '', 0)
    if (options.all) return callback(null, addresses)
    const first = addresses[0]
    callback(null, first?.address ?? '', first?.family ?? 0)
  })
}
