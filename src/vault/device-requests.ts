import { type RawBuilder, sql } from 'kysely'
import { deviceCodeAddress, deviceFlowNotOffered } from '../authorizations/device-requests.ts'
import { ProblemError } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import {
  type DeviceAuthorization,
  pollForToken,
  requestDeviceCode,
} from '../oauth/device-authorization.ts'
import { type TokenEndpoint, TokenEndpointError } from '../oauth/token-endpoint.ts'
import { adapterFor } from '../providers/adapters.ts'
import { ProviderUnavailable } from '../providers/provider.ts'
import { endpointOf, heedful } from './client-endpoint.ts'
import { type DeviceSteps, putOffDeviceSteps, takeDeviceSteps } from './device-due.ts'
import type { FinishParts } from './exchange-code.ts'
import { damagedOr, finishRequest, turnDown } from './finish-authorization.ts'
import { keepGranted } from './keep-granted.ts'
import { whyNoToken } from './no-token-sentence.ts'
import { loadRequest, type PendingRequest } from './pending-request.ts'
import { callsPerSecond, limitOf } from './provider-pace.ts'
import type { VaultParts } from './vault-parts.ts'

/** Seconds until a provider that was away is asked for a code again. */
const BEGIN_AGAIN_SECONDS = 5
/** What `slow_down` adds to the interval, RFC 8628 §3.5. */
const SLOWER_SECONDS = 5
const INTERVAL_SECONDS = { least: 1, most: 60 }
/** A provider that gives no answer is asked less often, RFC 8628 §3.5. */
const AWAY_FACTOR = 3
const MOST_CODE_SECONDS = 3600
/** Of a host's pace, what all open codes there may take together. */
const POLLS_SHARE = 0.5
/** What was granted waits this long for a provider that is away. */
const MOST_FINISH_MS = 2 * 86_400_000

/** What a device request is brought further with. */
export type DeviceParts = FinishParts & {
  /** A request that was taken on is due again after this long; longer than what is done for it. */
  taken_seconds: number
}

/**
 * Waits for a turn at a provider, then asks for the request there that is due for longest by then:
 * for its code, or whether the person has allowed it. Each step is durable before the next, so any
 * vault goes on where another one ended.
 *
 * @param closing whether nothing new is to be begun
 * @returns the id of a request that was granted: its end is next
 */
export async function askNext(
  parts: DeviceParts,
  next: DeviceSteps,
  closing: () => boolean,
): Promise<string | undefined> {
  const { db, limits, taken_seconds } = parts
  const { provider_id, kind, step } = next
  const begins = step === 'begin'
  const turn = { provider_id, limit: limitOf(kind), urgent: begins, poll: !begins }
  try {
    return await limits.run(turn, async () => {
      if (closing()) return undefined
      const [id] = await takeDeviceSteps(db, next, { many: 1, taken_seconds })
      return id === undefined ? undefined : await ask(parts, id)
    })
  } catch (error) {
    if (!(error instanceof TokenEndpointError)) throw error
    // Our turn does not come soon.
    await putOffDeviceSteps(db, next, error.retry_after ?? BEGIN_AGAIN_SECONDS)
    return undefined
  }
}

/** Looks at the account behind what was granted, or gives up a request whose time is over. */
export async function endDeviceRequest(parts: FinishParts, id: string): Promise<void> {
  const request = await loadRequest(parts.db, id, ['pending', 'exchanging'])
  if (request === undefined) return
  if (request.status === 'exchanging') return await finish(parts, request)
  const over = request.device_code_box === null ? away(request) : expired(request)
  await turnDown(parts.db, request, over)
}

/** @returns the request's id when it was granted */
async function ask(parts: FinishParts, id: string): Promise<string | undefined> {
  const request = await loadRequest(parts.db, id, ['pending'])
  if (request === undefined) return undefined
  try {
    if (request.device_code_box === null) return await begin(parts, request)
    return await poll(parts, request, request.device_code_box)
  } catch (error) {
    const problem = damagedOr(error)
    if (!(problem instanceof ProblemError)) throw error
    await turnDown(parts.db, request, problem)
    return undefined
  }
}

async function begin(parts: FinishParts, request: PendingRequest): Promise<undefined> {
  let given: DeviceAuthorization
  try {
    const endpoint = await deviceEndpointOf(parts, request)
    given = await heedful(parts.limits, request.provider_id, () =>
      requestDeviceCode(endpoint, request.scopes),
    )
  } catch (error) {
    if (!(error instanceof TokenEndpointError)) throw error
    if (error.outcome !== 'transient' || isAbsent(error)) throw refusal(error, request)
    const left = (request.expires_at.getTime() - request.now.getTime()) / 1000
    const wait = Math.min(error.retry_after ?? BEGIN_AGAIN_SECONDS, left)
    await askAgainIn(parts, request, wait)
    return
  }
  if (!isForPeople(given, request)) {
    throw new ProblemError('authorization-failed', `${unusable(request)} Nothing was changed.`)
  }
  await keepCode(parts, request, given)
}

/**
 * What is shown on a terminal must be a code, and the address of a page of this host: a hostile one
 * could begin an authorization of its own elsewhere and have people allow that, RFC 8628 §5.4.
 */
function isForPeople(
  given: DeviceAuthorization,
  { kind, base_url, tenant }: PendingRequest,
): boolean {
  const { user_code, verification_uri, verification_uri_complete } = given
  const { authorization_endpoint, device_pages = [] } = adapterFor(kind).oauth.server(
    base_url,
    tenant,
  )
  const origins = [new URL(base_url).origin, new URL(authorization_endpoint).origin]
  const isPage = (uri: string) =>
    /^[\x21-\x7e]{1,500}$/.test(uri) &&
    [...origins, ...device_pages].includes(URL.parse(uri)?.origin ?? '')
  return (
    /^[\x21-\x7e]{1,60}$/.test(user_code) &&
    isPage(verification_uri) &&
    (verification_uri_complete === null || isPage(verification_uri_complete))
  )
}

/** The first code stays: the person may have it already, while another vault asks for one, too. */
async function keepCode(
  { db, keyring }: VaultParts,
  request: PendingRequest,
  given: DeviceAuthorization,
): Promise<void> {
  const { id, owner_id } = request
  const { user_code, verification_uri, verification_uri_complete } = given
  const poll_interval = clamped(given.interval)
  const device_code_box = await keyring.seal(deviceCodeAddress(request), given.device_code)
  await db.transaction().execute(async (trx) => {
    await trx
      .updateTable('authorization_requests')
      .set({
        device_code_box,
        user_code,
        verification_uri,
        verification_uri_complete,
        poll_interval,
        next_poll_at: inSeconds(poll_interval),
        expires_at: inSeconds(Math.min(given.expires_in, MOST_CODE_SECONDS)),
      })
      .where('id', '=', id)
      .where('status', '=', 'pending')
      .where('device_code_box', 'is', null)
      .execute()
    await announce(trx, { name: 'authorization_request', owner_id, id })
  })
}

/** @returns the request's id when it was granted */
async function poll(
  parts: FinishParts,
  request: PendingRequest,
  device_code_box: string,
): Promise<string | undefined> {
  const interval = clamped(request.poll_interval ?? 0)
  const device_code = await parts.keyring.open(deviceCodeAddress(request), device_code_box)
  try {
    const endpoint = await deviceEndpointOf(parts, request)
    const polled = await heedful(parts.limits, request.provider_id, () =>
      pollForToken(endpoint, device_code),
    )
    switch (polled.outcome) {
      case 'granted':
        await keepGranted(parts, request, polled.answer)
        return request.id
      case 'authorization_pending':
        await askAgainIn(parts, request, interval)
        return
      case 'slow_down':
        await askAgainIn(parts, request, interval + SLOWER_SECONDS, true)
        return
      case 'denied':
        throw new ProblemError(
          'authorization-declined',
          `Nothing was changed. If you meant to allow it, authorize access to ${request.provider} again.`,
        )
      case 'expired':
        throw expired(request)
    }
  } catch (error) {
    if (!(error instanceof TokenEndpointError)) throw error
    if (error.outcome !== 'transient' || isAbsent(error)) throw refusal(error, request)
    await askAgainIn(parts, request, Math.max(interval * AWAY_FACTOR, error.retry_after ?? 0))
    return
  }
}

/** A host that is away is asked again later; `next_poll_at` says when, since the request was taken. */
async function finish(parts: FinishParts, request: PendingRequest): Promise<void> {
  try {
    await finishRequest(parts, request)
  } catch (error) {
    const given_up = request.created_at.getTime() < request.now.getTime() - MOST_FINISH_MS
    if (!given_up || !(error instanceof ProviderUnavailable)) throw error
    await turnDown(parts.db, request, away(request))
  }
}

/** @param stays whether this is the interval from now on */
async function askAgainIn(
  { db }: VaultParts,
  request: PendingRequest,
  seconds: number,
  stays = false,
): Promise<void> {
  const wait = sql<number>`greatest(${seconds}::double precision, ${leastWait(request)})`
  await db
    .updateTable('authorization_requests')
    .set({ next_poll_at: inSeconds(wait), ...(stays ? { poll_interval: seconds } : {}) })
    .where('id', '=', request.id)
    .where('status', '=', 'pending')
    .execute()
}

/**
 * The more codes are open at a host, the more seldom it is asked about each, so that all of them
 * together keep to their part of its pace. RFC 8628 §3.5 names only the shortest interval.
 */
function leastWait({ id, provider_id, kind, device_code_box }: PendingRequest): RawBuilder<number> {
  if (device_code_box === null) return sql`0`
  const apart = 1 / (callsPerSecond(limitOf(kind)) * POLLS_SHARE)
  return sql`${apart}::double precision * (select count(*) from authorization_requests other
    where other.provider_id = ${provider_id} and other.id <> ${id}
      and other.device_code_box is not null and other.expires_at > now())`
}

async function deviceEndpointOf(
  parts: VaultParts,
  request: PendingRequest,
): Promise<TokenEndpoint & { device_authorization_endpoint: string }> {
  const adapter = adapterFor(request.kind)
  const { device_authorization_endpoint } = adapter.oauth.server(request.base_url, request.tenant)
  if (device_authorization_endpoint === undefined) throw deviceFlowNotOffered(request.provider)
  const http = parts.outbound.to(request, adapter.origins(request.base_url))
  const endpoint = await endpointOf(parts.keyring, request, async (url, init) => {
    const answer = await http.fetch(url, init)
    if (answer.status === 404) throw new NoSuchEndpointError()
    return answer
  })
  return { ...endpoint, device_authorization_endpoint }
}

/** An older version of the host, or an app that it does not know, is answered with 404. */
class NoSuchEndpointError extends Error {
  override readonly name = 'NoSuchEndpointError'
}

function isAbsent({ cause }: TokenEndpointError): boolean {
  return cause instanceof NoSuchEndpointError
}

function refusal(error: TokenEndpointError, request: PendingRequest): ProblemError {
  const { kind, provider } = request
  const { off_errors = [] } = adapterFor(kind).oauth.device_flow ?? {}
  if (isAbsent(error) || off_errors.includes(error.error ?? '')) {
    return deviceFlowNotOffered(provider)
  }
  if (error.outcome === 'misconfigured') {
    return new ProblemError(
      'client-misconfigured',
      `${provider} does not accept our OAuth app. Ask an administrator to check its id and secret. ` +
        'Nothing was changed.',
      { cause: error },
    )
  }
  const sentence =
    error.outcome === 'blocked'
      ? `${provider} gave no token.${whyNoToken(provider, error)} Nothing was changed.`
      : `${provider} no longer accepts this code: it was turned down, used already or took too long. ` +
        'Nothing was changed; try again.'
  return new ProblemError('authorization-failed', sentence, { cause: error })
}

function unusable({ provider }: PendingRequest): string {
  return `${provider} gave a code that cannot be shown. Ask an administrator.`
}

function expired({ provider }: PendingRequest): ProblemError {
  return new ProblemError(
    'device-code-expired',
    `Nothing was changed. Authorize access to ${provider} again for a new one.`,
  )
}

function away({ provider }: PendingRequest): ProblemError {
  return new ProblemError(
    'provider-unavailable',
    `${provider} gave no answer. Nothing was changed; try again later.`,
  )
}

function clamped(seconds: number): number {
  const { least, most } = INTERVAL_SECONDS
  return Math.min(Math.max(Math.ceil(seconds), least), most)
}

/** By the database's clock, which is the same for all. */
function inSeconds(seconds: number | RawBuilder<number>) {
  return sql<Date>`now() + make_interval(secs => ${seconds})`
}
