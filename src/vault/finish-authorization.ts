import { randomUUID } from 'node:crypto'
import { announceToken } from '../authorizations/announce-token.ts'
import { notOnRuntime } from '../authorizations/candidates.ts'
import { ownConnection, placeConnection, takeTurns } from '../authorizations/place-connection.ts'
import { ProblemError } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { TokenEndpointError } from '../oauth/token-endpoint.ts'
import { holdAdministrator } from '../policy/administrator.ts'
import { decide, vaultActor } from '../policy/decide.ts'
import type { Inspection } from '../providers/provider.ts'
import { appReplaced } from '../registrations/pending-grants.ts'
import { BoxError } from '../seal/box-error.ts'
import { type Db, isBrokenReference, type Trx } from '../store/database.ts'
import { acceptedColumns } from './accepted-connection.ts'
import { noteClientFault, noteClientWorks } from './client-health.ts'
import { exchangeRequest, type FinishParts } from './exchange-code.ts'
import { type Granted, keepGranted, openGranted, usedUp } from './keep-granted.ts'
import { OvertakenError } from './overtaken-error.ts'
import { loadRequest, type PendingRequest } from './pending-request.ts'
import { type Proof, proveGrant } from './prove-grant.ts'
import { endReplaced, type Replaced } from './replaced-grant.ts'
import {
  lifetimeOf,
  readTokenSet,
  secondsLeft,
  tokenSetAddress,
  tokenSetText,
} from './token-set.ts'
import type { VaultParts } from './vault-parts.ts'

/**
 * Finishes an authorization whose code has come: exchanges the code, keeps what it gave, looks at
 * the account and its scopes, and lets the runtime use it, in one transaction. What was exchanged
 * is durable before anything else is asked, so a provider that is away now costs only time. A code
 * works once: of two vaults that exchange it, because one took the other for dead, the one that
 * gets nothing leaves what the other got alone.
 */
export async function finishAuthorization(parts: FinishParts, id: string): Promise<void> {
  const request = await loadRequest(parts.db, id, ['exchanging'])
  if (request === undefined) return
  try {
    await finishRequest(parts, request)
  } catch (error) {
    if (!(error instanceof OvertakenError)) throw error
    // It has gone, or another vault has brought it further: here is what is left to do, if anything.
    await finishAuthorization(parts, id)
  }
}

/** The same for a request that has been read. */
export async function finishRequest(parts: FinishParts, request: PendingRequest): Promise<void> {
  try {
    if (request.token_set_box === null) {
      await keepGranted(parts, request, await exchangeRequest(parts, request))
      return await finishAuthorization(parts, request.id)
    }
    const granted = await openGranted(parts.keyring, request, request.token_set_box)
    await accept(parts, request, granted, await proveGrant(parts, request, granted))
  } catch (error) {
    const problem = isBrokenReference(error) ? notOnRuntime() : damagedOr(error)
    if (!(problem instanceof ProblemError)) throw error
    await turnDown(parts.db, request, problem)
  }
}

/** What cannot be opened now never can: trying again is of no use. */
export function damagedOr(error: unknown): unknown {
  return error instanceof BoxError
    ? new ProblemError('box-not-authentic', 'Nothing was changed. Authorize access again.', {
        cause: error,
      })
    : error
}

/** GitLab has left out `expires_in` at times; asked about the token, it says when that ends. */
function withEnd(answer: Granted, inspection: Inspection, now: Date): Granted {
  const left = secondsLeft(inspection, now)
  if (answer.expires_in !== null || left === null) return answer
  return { ...answer, expires_in: (now.getTime() - answer.asked_at) / 1000 + left }
}

async function accept(
  { db, keyring }: VaultParts,
  request: PendingRequest,
  answer: Granted,
  { inspection, probe }: Proof,
): Promise<void> {
  const { owner_id, owner_kind, provider_id, client_row_id } = request
  await decide(db, attemptOf(request, 'exchanged'), async (trx, about) => {
    await takeTurns(trx, request)
    if (request.owner_kind === 'runtime') await holdAdministrator(trx, { id: request.person_id })
    await refuseFinished(trx, request)
    const { account } = inspection
    const before = await connectionBefore(trx, request, account.id)
    if (before !== undefined && before.account_id !== account.id && !request.confirmed) {
      return await askAboutAccount(trx, request, before.account_login, account.login)
    }
    const id = before?.continues === true ? before.id : randomUUID()
    const text = tokenSetText(answer)
    const connection = {
      id,
      owner_id,
      owner_kind,
      provider_id,
      client_row_id,
      device_flow: request.device_flow,
      requested_scopes: request.scopes,
      redirect_uri: request.redirect_uri,
      former_client_id: null,
      former_client_secret_box: null,
      method: 'oauth',
      box: await keyring.seal(tokenSetAddress({ id, owner_id, provider_id }), text),
      fingerprint: keyring.fingerprint(readTokenSet(text).access_token),
      ...acceptedColumns(inspection),
      ...lifetimeOf(
        withEnd(answer, inspection, request.now),
        new Date(answer.asked_at),
        Math.random(),
      ),
      refresh_claimed_by: null,
      refresh_claimed_at: null,
      refresh_failures: 0,
      refresh_failed_at: null,
      refresh_failure: null,
    } as const
    await placeConnection(trx, request, connection, probe)
    about({ connection_id: id })
    if (before?.continues === true) await endReplaced(trx, keyring, request, before, answer)
    await finish(trx, request, { status: 'completed', problem: null, token_set_box: null })
    await noteClientWorks(trx, request)
    await announceToken(trx, { id, owner_id, owner_kind })
  })
}

interface Before extends Replaced {
  account_id: string
  /** The new grant is the next version of this one. */
  continues: boolean
}

/**
 * The person's grant to this client, which a new one takes the place of: providers keep one for
 * each person and app. Without one, what the row uses now, to compare the account with. Of a
 * runtime's own, the grant of another account is not continued: it is over, and the host is told.
 */
async function connectionBefore(
  trx: Trx,
  request: PendingRequest,
  account_id: string,
): Promise<Before | undefined> {
  if (request.owner_kind === 'runtime') {
    const own = await ownConnection(trx, request)
    const sameApp = own?.client_row_id === request.client_row_id
    return own && { ...own, continues: sameApp && own.account_id === account_id }
  }
  const columns = [
    'connections.id',
    'box',
    'account_id',
    'account_login',
    'former_client_id',
    'former_client_secret_box',
  ] as const
  const grant = await trx
    .selectFrom('connections')
    .select(columns)
    .where('owner_id', '=', request.owner_id)
    .where('client_row_id', '=', request.client_row_id)
    .forUpdate()
    .executeTakeFirst()
  if (grant !== undefined) return { ...grant, continues: true }
  const bound = await trx
    .selectFrom('authorizations')
    .innerJoin('connections', 'connections.id', 'authorizations.connection_id')
    .select(columns)
    .where('authorizations.owner_id', '=', request.owner_id)
    .where('authorizations.runtime_id', '=', request.runtime_id)
    .where('authorizations.provider_id', '=', request.provider_id)
    .executeTakeFirst()
  return bound && { ...bound, continues: false }
}

async function askAboutAccount(
  trx: Trx,
  request: PendingRequest,
  account_before: string,
  account_after: string,
): Promise<void> {
  const change = { status: 'account_changed', account_before, account_after } as const
  await finish(trx, request, { ...change, problem: null })
}

/** Ends a request with the reason. @throws OvertakenError when another vault has brought it further */
export async function turnDown(
  db: Db,
  request: PendingRequest,
  reason: ProblemError,
): Promise<void> {
  const problem = isOfAppBefore(request, reason) ? appReplaced() : reason
  const attempt = { ...attemptOf(request, 'refused'), reason: problem.type }
  await decide(db, attempt, async (trx) => {
    await refuseFinished(trx, request)
    const document = JSON.stringify(problem.toProblem())
    await finish(trx, request, { status: 'refused', problem: document, token_set_box: null })
    if (problem.type === 'client-misconfigured') {
      const { cause } = problem
      const reason = cause instanceof TokenEndpointError ? cause.reason : 'misconfigured'
      await noteClientFault(trx, request, reason)
    }
  })
}

/** Whether a host refused what it had given to another app, or to this one with another secret. */
function isOfAppBefore(
  { client_updated_at, created_at }: PendingRequest,
  { cause }: ProblemError,
): boolean {
  const refused =
    cause instanceof TokenEndpointError && ['permanent', 'misconfigured'].includes(cause.outcome)
  return refused && client_updated_at > created_at
}

/** Locks the request until `trx` ends. @throws OvertakenError when it is not as it was read */
async function refuseFinished(
  trx: Trx,
  { id, status, device_code_box, token_set_box }: PendingRequest,
): Promise<void> {
  const as_read = await trx
    .selectFrom('authorization_requests')
    .select('id')
    .where('id', '=', id)
    .where('status', '=', status)
    // Another vault may have a code by now, and the person sees it.
    .where('device_code_box', 'is not distinct from', device_code_box)
    .where('token_set_box', 'is not distinct from', token_set_box)
    .forUpdate()
    .executeTakeFirst()
  if (as_read === undefined) throw new OvertakenError()
}

async function finish(
  trx: Trx,
  request: PendingRequest,
  result: {
    status: 'completed' | 'refused' | 'account_changed'
    problem: string | null
    token_set_box?: null
    account_before?: string
    account_after?: string
  },
): Promise<void> {
  await trx
    .updateTable('authorization_requests')
    .set({ ...result, ...usedUp, next_poll_at: null })
    .where('id', '=', request.id)
    .execute()
  const { id, person_id } = request
  await announce(trx, { name: 'authorization_request', owner_id: person_id, id })
}

function attemptOf(request: PendingRequest, outcome: string) {
  const { owner_kind, person, provider, runtime } = request
  const whose = owner_kind === 'runtime' ? `runtime ${runtime} itself` : person
  const where = owner_kind === 'runtime' ? provider : `${provider} on runtime ${runtime}`
  return {
    actor: vaultActor,
    action: 'authorization_request.finish',
    subject: `${whose} for ${where}: ${outcome}`,
    ip: request.ip,
    owner_id: request.owner_id,
    runtime_id: request.runtime_id,
  } as const
}
