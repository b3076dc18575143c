import { type Selectable, sql } from 'kysely'
import {
  type AuthorizationRequest,
  callbackPath,
  ProblemError,
  sessionCookieName,
} from '../contract/index.ts'
import { enqueue } from '../jobs/queue.ts'
import { authorizationUrl } from '../oauth/authorization.ts'
import { decide } from '../policy/decide.ts'
import { hashSecret } from '../policy/issued-secret.ts'
import { adapterFor } from '../providers/adapters.ts'
import { type Db, isDuplicate, type Trx } from '../store/database.ts'
import type { AuthorizationRequestsTable } from '../store/tables.ts'
import type { PersonRequest } from './person-request.ts'
import { tokenOwner } from './place-connection.ts'
import { requestInWords } from './request-in-words.ts'
import { requestedScopes } from './requested-scopes.ts'
import { clientFor, refuseGone } from './serving-client.ts'
import { refuseUnknownKey } from './vault-key.ts'

/** How long a person may take at the provider. */
const REQUEST_MINUTES = 10
/** How long after that an authorization that is still being finished is not waited for any more. */
const OVERDUE_MINUTES = 5

export interface NewAuthorizationRequest extends PersonRequest {
  /** What is granted becomes the runtime's own token, and not this person's. */
  for_runtime: boolean
  /** The `Cookie` header: the request is bound to this session of this browser. */
  cookie: string
  page_url: string
  id: string
  runtime_id: string
  provider_id: string
  state: string
  code_challenge: string
  code_verifier_box: string
}

/**
 * Begins an OAuth2 authorization: remembers it, bound to the person's browser session, and says
 * where at the provider to send the browser.
 *
 * @throws ProblemError those of `beginAuthorization` in the contract
 */
export async function beginAuthorization(
  db: Db,
  request: NewAuthorizationRequest,
): Promise<{ request: AuthorizationRequest; authorization_url: string }> {
  const { person, ip, id, runtime_id, provider_id, for_runtime, state } = request
  const { owner_id } = tokenOwner({ ...request, owner_id: person.id })
  const row = await clientFor(db, request)
  const { client_row_id, client_id } = row
  const adapter = adapterFor(row.kind)
  const scopes = await requestedScopes(db, request, adapter, for_runtime ? null : person.id)
  const redirect_uri = request.page_url + callbackPath(provider_id)
  const attempt = {
    actor: person,
    action: for_runtime ? 'runtime_token.authorize' : 'authorization_request.create',
    subject: requestInWords({ ...row, for_runtime }),
    ip,
    owner_id,
    runtime_id,
  } as const
  try {
    const created = await decide(db, attempt, async (trx) => {
      await forgetVerifiers(trx, person.id)
      const begun = await trx
        .insertInto('authorization_requests')
        .values({
          id,
          state_hash: hashSecret(state),
          session_hash: sessionHash(request),
          owner_id: person.id,
          for_runtime,
          runtime_id,
          provider_id,
          client_row_id,
          redirect_uri,
          scopes,
          code_verifier_box: request.code_verifier_box,
          ip,
          expires_at: sql<Date>`now() + make_interval(mins => ${REQUEST_MINUTES})`,
        })
        .returningAll()
        .executeTakeFirstOrThrow()
      await refuseUnknownKey(trx, request.code_verifier_box)
      return begun
    })
    const { authorization_endpoint } = adapter.oauth.server(row.base_url, row.tenant)
    const url = authorizationUrl(authorization_endpoint, {
      client_id,
      redirect_uri,
      scopes,
      state,
      code_challenge: request.code_challenge,
      more: adapter.oauth.authorization_parameters,
    })
    return { request: toAuthorizationRequest(created), authorization_url: url }
  } catch (error) {
    if (!isDuplicate(error)) return await refuseGone(db, request, error)
    throw new ProblemError('authorization-request-exists', 'Begin again, with a new one.', {
      cause: error,
    })
  }
}

/** Of requests from which nobody came back in time, the verifier is good for nothing any more. */
async function forgetVerifiers(trx: Trx, owner_id: string): Promise<void> {
  await trx
    .updateTable('authorization_requests')
    .set({ code_verifier_box: null })
    .where('owner_id', '=', owner_id)
    .where('status', '=', 'pending')
    .where('code_verifier_box', 'is not', null)
    .where('expires_at', '<', sql<Date>`now()`)
    .execute()
}

/**
 * How an authorization went so far. One that should have been finished long ago is given as
 * refused, so that nobody waits for it; should it be finished after all, that is what it then says.
 *
 * @throws ProblemError `not-found`
 */
export async function getAuthorizationRequest(
  db: Db,
  owner_id: string,
  id: string,
): Promise<AuthorizationRequest> {
  const row = await db
    .selectFrom('authorization_requests')
    .innerJoin('providers', 'providers.id', 'authorization_requests.provider_id')
    .selectAll('authorization_requests')
    .select('providers.name as provider')
    .select(
      sql<boolean>`status = 'exchanging'
        and expires_at < now() - make_interval(mins => ${OVERDUE_MINUTES})`.as('overdue'),
    )
    .where('authorization_requests.id', '=', id)
    .where('owner_id', '=', owner_id)
    .executeTakeFirst()
  if (row === undefined) throw requestNotFound()
  const request = toAuthorizationRequest(row)
  if (!row.overdue) return request
  return { ...request, status: 'refused', problem: overdue(row.provider).toProblem() }
}

function overdue(provider: string): ProblemError {
  return new ProblemError(
    'authorization-failed',
    `It could not be finished for a long time, for ${provider} or Countersign gave no answer. ` +
      'What you had before still works. It is tried on for a while; you need not wait, and may ' +
      'authorize again.',
  )
}

/**
 * Goes on although the account is another than before.
 *
 * @throws ProblemError `not-found`, `not-an-administrator`
 */
export async function confirmAccount(
  db: Db,
  request: PersonRequest & { id: string },
): Promise<AuthorizationRequest> {
  const { person, ip, id } = request
  const begun = await db
    .selectFrom('authorization_requests')
    .innerJoin('providers', 'providers.id', 'authorization_requests.provider_id')
    .innerJoin('runtimes', 'runtimes.id', 'authorization_requests.runtime_id')
    .select(['owner_id', 'runtime_id', 'for_runtime', 'account_before', 'account_after'])
    .select(['providers.name as provider', 'runtimes.name as runtime'])
    .where('authorization_requests.id', '=', id)
    .where('owner_id', '=', person.id)
    .where('status', '=', 'account_changed')
    .executeTakeFirst()
  if (begun === undefined) throw requestNotFound()
  const attempt = {
    actor: person,
    action: begun.for_runtime ? 'runtime_token.confirm' : 'authorization_request.confirm',
    subject: `${requestInWords(begun)}: ${begun.account_after} in place of ${begun.account_before}`,
    ip,
    owner_id: tokenOwner(begun).owner_id,
    runtime_id: begun.runtime_id,
  } as const
  return await decide(db, attempt, async (trx) => {
    const row = await trx
      .updateTable('authorization_requests')
      .set({
        status: 'exchanging',
        confirmed: true,
        expires_at: sql<Date>`now() + make_interval(mins => ${REQUEST_MINUTES})`,
      })
      .where('id', '=', id)
      .where('owner_id', '=', person.id)
      .where('status', '=', 'account_changed')
      .returningAll()
      .executeTakeFirst()
    if (row === undefined) throw requestNotFound()
    await enqueue(trx, 'finish-authorization', { id })
    return toAuthorizationRequest(row)
  })
}

export function requestNotFound(): ProblemError {
  return new ProblemError('not-found', 'This authorization is not, or no longer, under way.')
}

/** The browser session that a `Cookie` header belongs to, whatever other cookies there are. */
export function sessionHash({ cookie, page_url }: { cookie: string; page_url: string }): Buffer {
  const name = sessionCookieName(page_url)
  const session = cookie.split(/;\s*/).find((pair) => pair.startsWith(`${name}=`))
  return hashSecret(session ?? '')
}

/** The resource for a row. */
export function toAuthorizationRequest(
  row: Selectable<AuthorizationRequestsTable>,
): AuthorizationRequest {
  const { id, runtime_id, provider_id, status, problem, account_before, account_after } = row
  return {
    id,
    runtime_id,
    provider_id,
    status,
    problem,
    account_before,
    account_after,
    device: deviceOf(row),
    created_at: row.created_at.toISOString(),
  }
}

function deviceOf({
  user_code,
  verification_uri,
  verification_uri_complete,
  expires_at,
}: Selectable<AuthorizationRequestsTable>): AuthorizationRequest['device'] {
  if (user_code === null || verification_uri === null) return null
  const expires = expires_at.toISOString()
  return { user_code, verification_uri, verification_uri_complete, expires_at: expires }
}
