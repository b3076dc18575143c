import { expressionBuilder, sql, type Updateable } from 'kysely'
import { ProblemError } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { enqueue } from '../jobs/queue.ts'
import { readCallback } from '../oauth/authorization.ts'
import { decide } from '../policy/decide.ts'
import { adapterFor } from '../providers/adapters.ts'
import { sealBox } from '../seal/box.ts'
import type { Db, Trx } from '../store/database.ts'
import type { AuthorizationRequestsTable, Tables } from '../store/tables.ts'
import { hash, sessionHash } from './authorization-requests.ts'
import type { PersonRequest } from './person-request.ts'
import { tokenOwner } from './place-connection.ts'
import { currentVaultKey } from './vault-key.ts'

/** The address of a code in flight; `owner_id` is whose the token becomes. */
export function codeAddress(request: { id: string; owner_id: string; provider_id: string }) {
  const { id, owner_id, provider_id } = request
  return { purpose: 'authorization_code', row_id: id, owner_id, provider_id } as const
}

/**
 * Takes the browser back from the provider: finds the request by `state`, once, in the session that
 * began it, seals the code and has a vault exchange it.
 *
 * @param request.provider_id of the address that the browser came back to
 * @returns the request and its row, where the page goes on
 * @throws ProblemError `authorization-request-unknown`
 */
export async function completeAuthorization(
  db: Db,
  request: PersonRequest & { provider_id: string; cookie: string; query: URLSearchParams },
): Promise<{ id: string; runtime_id: string; provider_id: string; for_runtime: boolean }> {
  const { person, ip, provider_id, cookie, query } = request
  const found = { owner_id: person.id, provider_id, cookie, state: query.get('state') ?? '' }
  const row = await findRequest(db, found)
  const { issuer } = adapterFor(row.kind).oauth.server(row.base_url, row.tenant)
  const callback = readCallback(query, { issuer, client_id: row.client_id })
  const { owner_id } = tokenOwner(row)
  const attempt = {
    actor: person,
    action: row.for_runtime ? 'runtime_token.return' : 'authorization_request.return',
    subject: `${row.provider}: ${'code' in callback ? 'allowed' : 'not allowed'}`,
    ip,
    owner_id,
    runtime_id: row.runtime_id,
  } as const
  const code_box =
    'code' in callback
      ? await sealBox(await currentVaultKey(db), codeAddress({ ...row, owner_id }), callback.code)
      : null
  await decide(db, attempt, async (trx) => {
    const change =
      'code' in callback
        ? ({ status: 'exchanging', code_box } as const)
        : refusal(callback, row.provider)
    await useRequest(trx, found, change)
    if (code_box !== null) await enqueue(trx, 'finish-authorization', { id: row.id })
    await announce(trx, { name: 'authorization_request', owner_id: person.id, id: row.id })
  })
  return row
}

/** How a browser that comes back shows which request it is. */
interface Found {
  owner_id: string
  /** As the address has it: any text. */
  provider_id: string
  cookie: string
  state: string
}

/** True of the one request, while it waits. */
function isWaiting({ owner_id, provider_id, cookie, state }: Found) {
  const builder = expressionBuilder<Tables, 'authorization_requests'>()
  return builder.and([
    builder('state_hash', '=', hash(state)),
    builder('session_hash', '=', sessionHash(cookie)),
    builder('authorization_requests.owner_id', '=', owner_id),
    builder(sql`authorization_requests.provider_id::text`, '=', provider_id),
    builder('authorization_requests.status', '=', 'pending'),
    builder('authorization_requests.expires_at', '>', sql<Date>`now()`),
  ])
}

async function findRequest(db: Db, found: Found) {
  const row = await db
    .selectFrom('authorization_requests')
    .innerJoin('clients', 'clients.id', 'authorization_requests.client_row_id')
    .innerJoin('providers', 'providers.id', 'clients.provider_id')
    .select([
      'authorization_requests.id',
      'authorization_requests.owner_id',
      'authorization_requests.for_runtime',
      'authorization_requests.runtime_id',
      'authorization_requests.provider_id',
      'clients.client_id',
      'providers.kind',
      'providers.base_url',
      'providers.tenant',
      'providers.name as provider',
    ])
    .where(isWaiting(found))
    .executeTakeFirst()
  if (row === undefined) throw requestUnknown()
  return row
}

/** Marks the request as used in the same statement that finds it: a replay finds nothing. */
async function useRequest(
  trx: Trx,
  found: Found,
  change: Updateable<AuthorizationRequestsTable>,
): Promise<void> {
  const used = await trx
    .updateTable('authorization_requests')
    .set(change)
    .where(isWaiting(found))
    .executeTakeFirst()
  if (used.numUpdatedRows === 0n) throw requestUnknown()
}

function requestUnknown(): ProblemError {
  return new ProblemError(
    'authorization-request-unknown',
    'It took longer than ten minutes, was used already, or was begun in another browser. ' +
      'Nothing was changed. Begin again from the list.',
  )
}

function refusal(callback: { error: string } | { unusable: string }, provider: string) {
  const declined = 'error' in callback && callback.error === 'access_denied'
  const problem = declined
    ? new ProblemError(
        'authorization-declined',
        `Nothing was changed. If you meant to allow it, authorize access to ${provider} again.`,
      )
    : new ProblemError('authorization-failed', sentenceFor(callback, provider))
  return {
    status: 'refused' as const,
    problem: JSON.stringify(problem.toProblem()),
    code_verifier_box: null,
  }
}

/** One sentence for each error of RFC 6749 §4.1.2.1. */
function sentenceFor(callback: { error: string } | { unusable: string }, provider: string): string {
  const error = 'error' in callback ? callback.error : undefined
  switch (error) {
    case 'invalid_scope':
      return `${provider} does not know a scope that was asked for. Ask an administrator.`
    case 'unauthorized_client':
    case 'unsupported_response_type':
    case 'invalid_request':
      return `${provider} does not let this app do that. Ask an administrator to check the app.`
    case 'temporarily_unavailable':
    case 'server_error':
      return `${provider} has a problem at present. Nothing was changed; try again later.`
    default:
      return `${provider} sent an answer that is not for this request. Nothing was changed; try again.`
  }
}
