import { sql, type Updateable } from 'kysely'
import { ProblemError } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { enqueue } from '../jobs/queue.ts'
import { readCallback } from '../oauth/authorization.ts'
import { decide } from '../policy/decide.ts'
import { hashSecret } from '../policy/issued-secret.ts'
import { adapterFor } from '../providers/adapters.ts'
import { sealBox } from '../seal/box.ts'
import type { VaultPublicKey } from '../seal/keys.ts'
import type { Db, Trx } from '../store/database.ts'
import type { AuthorizationRequestsTable } from '../store/tables.ts'
import { sessionHash } from './authorization-requests.ts'
import type { PersonRequest } from './person-request.ts'
import { tokenOwner } from './place-connection.ts'
import { requestInWords } from './request-in-words.ts'
import { currentVaultKey } from './vault-key.ts'

/** The address of a code in flight; `owner_id` is whose the token becomes. */
export function codeAddress(request: { id: string; owner_id: string; provider_id: string }) {
  const { id, owner_id, provider_id } = request
  return { purpose: 'authorization_code', row_id: id, owner_id, provider_id } as const
}

/** How a browser that comes back shows which request it is. */
export interface Found {
  owner_id: string
  /** Of the address that the browser came back to, as it has it: any text. */
  provider_id: string
  /** The `Cookie` header. */
  cookie: string
  page_url: string
  state: string
}

export type ReturnedRequest = Awaited<ReturnType<typeof findReturned>>

/**
 * The request that a browser comes back to, however it stands: by `state`, in the session that
 * began it.
 *
 * @throws ProblemError `authorization-request-unknown`
 */
export async function findReturned(db: Db, found: Found) {
  const row = await db
    .selectFrom('authorization_requests')
    .innerJoin('clients', 'clients.id', 'authorization_requests.client_row_id')
    .innerJoin('providers', 'providers.id', 'clients.provider_id')
    .innerJoin('runtimes', 'runtimes.id', 'authorization_requests.runtime_id')
    .select([
      'authorization_requests.id',
      'authorization_requests.owner_id',
      'authorization_requests.for_runtime',
      'authorization_requests.runtime_id',
      'authorization_requests.provider_id',
      'authorization_requests.status',
      sql<boolean>`authorization_requests.expires_at <= now()`.as('late'),
      'clients.client_id',
      'providers.kind',
      'providers.base_url',
      'providers.tenant',
      'providers.name as provider',
      'runtimes.name as runtime',
    ])
    .where('state_hash', '=', hashSecret(found.state))
    .where('session_hash', '=', sessionHash(found))
    .where('authorization_requests.owner_id', '=', found.owner_id)
    .where(sql`authorization_requests.provider_id::text`, '=', found.provider_id)
    .executeTakeFirst()
  if (row !== undefined) return row
  throw new ProblemError(
    'authorization-request-unknown',
    'It was begun in another browser or before you signed in anew, or was given up. ' +
      'Nothing was changed. Begin again from the list.',
  )
}

/**
 * Takes the browser back from the provider, once: seals the code and has a vault exchange it. A
 * request that was used already, by an earlier visit with the same `state`, stays as it is.
 *
 * @param row what `findReturned` found
 * @throws ProblemError `authorization-request-expired`
 */
export async function completeAuthorization(
  db: Db,
  row: ReturnedRequest,
  request: PersonRequest & { query: URLSearchParams },
): Promise<void> {
  if (row.status !== 'pending') return
  if (row.late) throw tooLate()
  const { person, ip, query } = request
  const { issuer } = adapterFor(row.kind).oauth.server(row.base_url, row.tenant)
  const callback = readCallback(query, { issuer, client_id: row.client_id })
  const { owner_id } = tokenOwner(row)
  const attempt = {
    actor: person,
    action: row.for_runtime ? 'runtime_token.return' : 'authorization_request.return',
    subject: `${requestInWords(row)}: ${'code' in callback ? 'allowed' : 'not allowed'}`,
    ip,
    owner_id,
    runtime_id: row.runtime_id,
  } as const
  const vault_key = await currentVaultKey(db)
  const code_box =
    'code' in callback
      ? await sealBox(vault_key, codeAddress({ ...row, owner_id }), callback.code)
      : null
  try {
    await decide(db, attempt, async (trx) => {
      if ('code' in callback) {
        await spendRequest(trx, row.id, { status: 'exchanging', code_box })
        await keepOpen(trx, { ...row, owner_id }, callback.code, vault_key)
        await enqueue(trx, 'finish-authorization', { id: row.id })
      } else {
        await spendRequest(trx, row.id, refusal(callback, row.provider))
      }
      await announce(trx, { name: 'authorization_request', owner_id: person.id, id: row.id })
    })
  } catch (error) {
    if (await isPending(db, row.id)) throw error
    // It was used after all: by another visit, or by this one, whose commit was not heard of.
  }
}

/** Marks the request as used in a statement that finds it waiting: it is used once. */
async function spendRequest(
  trx: Trx,
  id: string,
  change: Updateable<AuthorizationRequestsTable>,
): Promise<void> {
  const used = await trx
    .updateTable('authorization_requests')
    .set(change)
    .where('id', '=', id)
    .where('status', '=', 'pending')
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst()
  if (used.numUpdatedRows === 0n) throw tooLate()
}

/** Seals the code again where a rotation of the key held its row until now. */
async function keepOpen(
  trx: Trx,
  request: Parameters<typeof codeAddress>[0],
  code: string,
  { key_id }: VaultPublicKey,
): Promise<void> {
  const key = await currentVaultKey(trx)
  if (key.key_id === key_id) return
  const code_box = await sealBox(key, codeAddress(request), code)
  const { id } = request
  await trx.updateTable('authorization_requests').set({ code_box }).where('id', '=', id).execute()
}

async function isPending(db: Db, id: string): Promise<boolean> {
  const row = await db
    .selectFrom('authorization_requests')
    .select('status')
    .where('id', '=', id)
    .executeTakeFirst()
  return row?.status === 'pending'
}

function tooLate(): ProblemError {
  return new ProblemError(
    'authorization-request-expired',
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
      return (
        `${provider} sent an answer that is not for this request. Nothing was changed; try again. If it ` +
        `happens again, ask an administrator whether ${provider} is registered with the address by ` +
        'which it calls itself.'
      )
  }
}
