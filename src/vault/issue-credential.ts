import { hash } from 'node:crypto'
import type pg from 'pg'
import type { Credential, CredentialRequest } from '../contract/index.ts'
import { ProblemError } from '../contract/index.ts'
import { enqueueBehind } from '../jobs/queue.ts'
import { decide } from '../policy/decide.ts'
import type { Db } from '../store/database.ts'
import type { AuditCommit, Departure } from './audit-commit.ts'
import { type Denial, type Grant, ITSELF, nameIn, readGrant } from './grant.ts'
import type { GrantCache } from './grant-cache.ts'
import { originOf } from './grant-row.ts'
import type { Keyring } from './keyring.ts'
import type { Refresher } from './refresh.ts'

export interface CredentialParts {
  db: Db
  pool: pg.Pool
  keyring: Keyring
  commit: AuditCommit
  cache: GrantCache
  page_url: string
  refresher: Refresher
  /** Counts one more thing that a runtime is refused. @returns whether that may still be written */
  denialWithin: (runtime_id: string) => Promise<boolean>
}

export interface CredentialCall {
  /** The runtime key, in the clear. */
  key: string
  ip: string | null
  request: CredentialRequest
}

const ISSUE = 'credential.issue'

/** How often a grant is read anew when it changes between reading and recording. */
const MOST_READS = 3

/**
 * The credential with which a runtime may speak to a Git host as one person, or as itself. Its audit
 * row is durable before this returns; what is read from memory is proved by the same statement.
 *
 * @throws ProblemError those of `issueCredential` in the contract; denials are audited, up to a limit
 */
export async function issueCredential(
  parts: CredentialParts,
  call: CredentialCall,
): Promise<Credential> {
  const grant = await grantForUse(parts, call, ISSUE, { cache: parts.cache })
  return credentialFrom(grant, call.request)
}

/**
 * The grant as it is now, refreshed if it ends too soon, for one use. The audit row of the use is
 * durable before this returns.
 *
 * @param action under which the use, or its denial, is audited
 * @param more.cache where it may be found; it is proved whether it was or not
 * @param more.check throws when there is no use for the grant: nothing is written down then
 * @throws ProblemError those of `issueCredential` in the contract
 */
export async function grantForUse(
  parts: CredentialParts,
  call: CredentialCall,
  action: Departure['action'],
  { cache, check }: { cache?: GrantCache; check?: (grant: Grant) => void } = {},
): Promise<Grant> {
  const id = cache === undefined ? '' : grantId(call)
  const departure = { action, ip: call.ip }
  for (let reads = 0; reads < MOST_READS; reads += 1) {
    const kept = cache?.get(id)
    const found = kept ?? (await obtainGrant(parts, call, action))
    const grant = await freshened(parts, call, found, action)
    if (grant !== kept) cache?.set(id, grant)
    check?.(grant)
    const target = targetAt(grant.origin, call.request)
    if (await parts.commit.record({ ...departure, target, grant })) return grant
    cache?.delete(id)
  }
  throw beingChanged()
}

/** The token set was replaced while it was being used. */
export function beingChanged(): ProblemError {
  return new ProblemError('database-unavailable', 'This token is being changed. Try again.')
}

/**
 * Git was refused with a credential of ours: has the token behind it checked.
 *
 * @throws ProblemError those of `reportCredential` in the contract
 */
export async function reportCredential(
  parts: CredentialParts,
  call: CredentialCall,
): Promise<void> {
  const grant = await readGrant(parts.pool, parts.keyring, parts.page_url, call.key, call.request)
  if ('problem' in grant) {
    // A token that is known to be bad needs no check: the report is welcome and changes nothing.
    if (grant.connection_id !== undefined) return
    throw grant.problem
  }
  const attempt = {
    actor: { kind: 'runtime', id: grant.runtime_id, name: grant.runtime_name },
    action: 'credential.report',
    subject: `${targetOf(call.request)} as ${grant.person_email ?? ITSELF}`,
    ip: call.ip,
    owner_id: grant.owner_id,
    runtime_id: grant.runtime_id,
    connection_id: grant.connection_id,
  } as const
  await decide(parts.db, attempt, (trx) =>
    enqueueBehind(trx, 'check-connection', grant.connection_id),
  )
}

async function obtainGrant(
  parts: CredentialParts,
  call: CredentialCall,
  action: Departure['action'],
): Promise<Grant> {
  const { pool, keyring, page_url } = parts
  const found = await readGrant(pool, keyring, page_url, call.key, call.request)
  if (!('problem' in found)) return found
  await recordSomeDenials(parts, call, found, action)
  throw found.problem
}

async function recordSomeDenials(
  { db, denialWithin }: CredentialParts,
  call: CredentialCall,
  denial: Denial,
  action: Departure['action'],
): Promise<void> {
  if (denial.runtime === undefined) return
  // What cannot be counted is written: the answer is the same as if nobody counted.
  if (!(await denialWithin(denial.runtime.id).catch(() => true))) return
  await db
    .insertInto('audit')
    .values({
      actor_kind: 'runtime',
      actor_id: denial.runtime.id,
      actor_name: denial.runtime.name,
      action,
      outcome: 'denied',
      subject: `${targetOf(call.request)} as ${nameIn(call.request)}`,
      reason: denial.problem.type,
      ip: call.ip,
      owner_id: denial.owner_id ?? null,
      runtime_id: denial.runtime.id,
      connection_id: denial.connection_id ?? null,
    })
    .execute()
}

function credentialFrom(grant: Grant, request: CredentialRequest): Credential {
  return {
    protocol: request.protocol,
    host: request.host,
    username: grant.username,
    password: grant.password,
    password_expiry_utc:
      grant.expires_at === null ? null : Math.floor(grant.expires_at.getTime() / 1000),
    min_ttl_met: secondsLeft(grant) >= (request.min_ttl ?? 0),
    account: grant.account,
  }
}

/** Git needs a moment to use what it is given. */
const LEAST_TTL_SECONDS = 30

/** Of a token's whole life, what may be asked for: a token that is new is as good as it gets. */
const MOST_TTL_SHARE = 0.9

function needsRefresh(grant: Grant, request: CredentialRequest): boolean {
  const { refreshable, issued_at, expires_at } = grant
  if (!refreshable || expires_at === null) return false
  const lifetime = (expires_at.getTime() - (issued_at?.getTime() ?? 0)) / 1000
  const wanted = Math.max(request.min_ttl ?? 0, LEAST_TTL_SECONDS)
  return secondsLeft(grant) < Math.min(wanted, lifetime * MOST_TTL_SHARE)
}

function secondsLeft({ ends_at }: Grant): number {
  return (ends_at - performance.now()) / 1000
}

/**
 * The grant, after a refresh if it ends too soon; the one there was, if it still lives and nothing
 * newer can be had.
 */
async function freshened(
  parts: CredentialParts,
  call: CredentialCall,
  grant: Grant,
  action: Departure['action'],
): Promise<Grant> {
  if (!needsRefresh(grant, call.request)) return grant
  const { connection_id, version } = grant
  const outcome = await parts.refresher.refresh(connection_id, version, 'asked')
  if (outcome === 'refreshed' || outcome === 'gone') return await obtainGrant(parts, call, action)
  if (secondsLeft(grant) > 0) return grant
  const problem = notRefreshed(outcome)
  const { owner_id, runtime_id: id, runtime_name: name } = grant
  const denial = { runtime: { id, name }, owner_id, connection_id, problem }
  await recordSomeDenials(parts, call, denial, action)
  throw problem
}

function notRefreshed(outcome: 'misconfigured' | 'unavailable'): ProblemError {
  return new ProblemError(
    'provider-unavailable',
    outcome === 'misconfigured'
      ? 'The Git host does not accept our OAuth app. An administrator must mend it.'
      : 'The Git host could not be asked for a new token. Nothing is lost; try again in a moment.',
  )
}

/** Names a grant in memory without holding the key there. */
function grantId({ key, request }: CredentialCall): string {
  const { protocol, host } = request
  // A person's name has no line breaks and is not empty.
  const person = 'person' in request ? request.person : ''
  return hash('sha256', `${key}\n${person}\n${protocol}\n${host}`, 'base64')
}

/** `protocol://host/path` that is asked about; as it was written where it is no address. */
function targetOf(request: Pick<CredentialRequest, 'protocol' | 'host' | 'path'>): string {
  return targetAt(originOf(request) || `${request.protocol}://${request.host}`, request)
}

function targetAt(origin: string, { path }: Pick<CredentialRequest, 'path'>): string {
  return `${origin}/${path ?? ''}`
}
