import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { type AuthorizationRequest, callbackPath, ProblemError } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { decide } from '../policy/decide.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { Db, Trx } from '../store/database.ts'
import { requestNotFound, toAuthorizationRequest } from './authorization-requests.ts'
import type { PersonRequest } from './person-request.ts'
import { type AuthorizationRow, tokenOwner } from './place-connection.ts'
import { requestInWords } from './request-in-words.ts'
import { requestedScopes } from './requested-scopes.ts'
import { clientFor, refuseGone } from './serving-client.ts'

/** How long the provider may be away before there is a code. With the code it says how long that lasts. */
const BEGIN_SECONDS = 60

/** The address of a device code in flight. */
export function deviceCodeAddress(request: { id: string; owner_id: string; provider_id: string }) {
  const { id, owner_id, provider_id } = request
  return { purpose: 'device_code', row_id: id, owner_id, provider_id } as const
}

/**
 * Begins an authorization with a code that the person types at the provider, RFC 8628. A vault asks
 * the provider for the code; the request has it a moment later. One that waits in the same row ends.
 *
 * @throws ProblemError those of `beginDeviceAuthorization` in the contract
 */
export async function beginDeviceAuthorization(
  db: Db,
  request: PersonRequest & { page_url: string; runtime_id: string; provider_id: string },
): Promise<AuthorizationRequest> {
  const { person, ip, runtime_id, provider_id, page_url } = request
  const place = { runtime_id, provider_id, for_runtime: false }
  const row = await clientFor(db, place)
  const adapter = adapterFor(row.kind)
  if (adapter.oauth.device_flow === undefined) throw deviceFlowNotOffered(row.provider)
  const scopes = await requestedScopes(db, request, adapter, person.id)
  const attempt = {
    actor: person,
    action: 'authorization_request.create',
    subject: `${requestInWords({ ...row, for_runtime: false })}, with a code`,
    ip,
    owner_id: person.id,
    runtime_id,
  } as const
  const created = decide(db, attempt, async (trx) => {
    await giveUpPending(trx, { owner_id: person.id, runtime_id, provider_id })
    const created = await trx
      .insertInto('authorization_requests')
      .values({
        id: randomUUID(),
        flow: 'device',
        owner_id: person.id,
        runtime_id,
        provider_id,
        client_row_id: row.client_row_id,
        redirect_uri: page_url + callbackPath(provider_id),
        scopes,
        ip,
        next_poll_at: sql<Date>`now()`,
        expires_at: sql<Date>`now() + make_interval(secs => ${BEGIN_SECONDS})`,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    await announce(trx, { name: 'authorization_request', owner_id: person.id, id: created.id })
    return toAuthorizationRequest(created)
  })
  return await created.catch((error: unknown) => refuseGone(db, place, error))
}

/** A new code takes the place of one that nobody has used yet: a person types one at a time. */
async function giveUpPending(trx: Trx, row: AuthorizationRow): Promise<void> {
  const { owner_id, runtime_id, provider_id } = row
  const given_up = await trx
    .deleteFrom('authorization_requests')
    .where('owner_id', '=', owner_id)
    .where('runtime_id', '=', runtime_id)
    .where('provider_id', '=', provider_id)
    .where('flow', '=', 'device')
    .where('status', '=', 'pending')
    .returning('id')
    .execute()
  for (const { id } of given_up) {
    await announce(trx, { name: 'authorization_request', owner_id, id })
  }
}

/** Gives up an authorization that waits for the person. @throws ProblemError `not-found` */
export async function cancelAuthorization(
  db: Db,
  request: PersonRequest & { id: string },
): Promise<void> {
  const { person, ip, id } = request
  const begun = await db
    .selectFrom('authorization_requests')
    .innerJoin('providers', 'providers.id', 'authorization_requests.provider_id')
    .innerJoin('runtimes', 'runtimes.id', 'authorization_requests.runtime_id')
    .select(['owner_id', 'runtime_id', 'for_runtime'])
    .select(['providers.name as provider', 'runtimes.name as runtime'])
    .where('authorization_requests.id', '=', id)
    .where('owner_id', '=', person.id)
    .executeTakeFirst()
  if (begun === undefined) throw requestNotFound()
  const attempt = {
    actor: person,
    action: 'authorization_request.cancel',
    subject: requestInWords(begun),
    ip,
    owner_id: tokenOwner(begun).owner_id,
    runtime_id: begun.runtime_id,
  } as const
  await decide(db, attempt, async (trx) => {
    const given_up = await trx
      .deleteFrom('authorization_requests')
      .where('id', '=', id)
      .where('owner_id', '=', person.id)
      .where('status', 'in', ['pending', 'account_changed'])
      .executeTakeFirst()
    if (given_up.numDeletedRows === 0n) throw requestNotFound()
    await announce(trx, { name: 'authorization_request', owner_id: person.id, id })
  })
}

export function deviceFlowNotOffered(provider: string): ProblemError {
  return new ProblemError(
    'device-flow-not-offered',
    `Authorize access to ${provider} on the page of this runtime instead. Nothing was changed.`,
  )
}
