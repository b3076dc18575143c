import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { announceToken } from '../authorizations/announce-token.ts'
import { notOnRuntime, refuseWhatIsNoToken } from '../authorizations/candidates.ts'
import {
  ownConnection,
  placeConnection,
  takeTurns,
  tokenOwner,
} from '../authorizations/place-connection.ts'
import { notProbed, type ProbeColumns } from '../authorizations/probe.ts'
import { ProblemError, type ProviderKind, tidyToken } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { decide, vaultActor } from '../policy/decide.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { Outbound } from '../providers/http.ts'
import type { Inspection } from '../providers/provider.ts'
import { BoxError } from '../seal/box-error.ts'
import { type Db, isBrokenReference, type Trx } from '../store/database.ts'
import type { OwnerKind } from '../store/tables.ts'
import { acceptedColumns } from './accepted-connection.ts'
import { inspectToken, type Verdict } from './inspect-token.ts'
import type { Keyring } from './keyring.ts'
import { OvertakenError } from './overtaken-error.ts'
import { proveByRepository } from './probe-repository.ts'
import type { RefusedTokens } from './refused-tokens.ts'
import { tokenSetText } from './token-set.ts'

/** What the tasks of a vault work with. */
export interface VaultParts {
  db: Db
  keyring: Keyring
  outbound: Outbound
}

export type CandidateParts = VaultParts & { refused: RefusedTokens }

interface PendingCandidate {
  id: string
  /** Whose the token becomes. */
  owner_id: string
  owner_kind: OwnerKind
  /** Who handed it in, and hears how it went. */
  person_id: string
  runtime_id: string
  provider_id: string
  box: string
  notes: string[]
  stated_expires_at: Date | null
  ip: string | null
  kind: ProviderKind
  base_url: string
  private_address_confirmed: boolean
  skip_validation: boolean
  probe_repository: string | null
  provider: string
  runtime: string
  person: string
  now: Date
}

/**
 * Holds a handed-in token against what its runtime and provider require. When it passes, the
 * authorization switches to it in one transaction; otherwise nothing changes but the candidate,
 * which then says why. Its box is destroyed either way.
 */
export async function checkCandidate(parts: CandidateParts, id: string): Promise<void> {
  const candidate = await loadCandidate(parts.db, id)
  if (candidate === undefined) return
  try {
    const { token, notes } = await openToken(parts.keyring, candidate)
    const proof = await prove(parts, candidate, token)
    await accept(parts, { ...candidate, notes: [...candidate.notes, ...notes] }, token, proof)
  } catch (error) {
    const problem = isBrokenReference(error) ? notOnRuntime() : error
    if (!(problem instanceof ProblemError)) return await unlessFinished(error)
    await turnDown(parts.db, candidate, problem).catch(unlessFinished)
  }
}

/** A candidate that was finished by another vault, or went with its runtime, needs nothing more. */
async function unlessFinished(error: unknown): Promise<void> {
  if (!(error instanceof OvertakenError)) throw error
}

async function loadCandidate(db: Db, id: string): Promise<PendingCandidate | undefined> {
  const row = await db
    .selectFrom('candidates')
    .innerJoin('providers', 'providers.id', 'candidates.provider_id')
    .innerJoin('runtimes', 'runtimes.id', 'candidates.runtime_id')
    .innerJoin('people', 'people.id', 'candidates.owner_id')
    .leftJoin('runtime_providers', (join) =>
      join
        .onRef('runtime_providers.runtime_id', '=', 'candidates.runtime_id')
        .onRef('runtime_providers.provider_id', '=', 'candidates.provider_id'),
    )
    .select([
      'candidates.id',
      'candidates.owner_id',
      'candidates.for_runtime',
      'candidates.runtime_id',
      'candidates.provider_id',
      'candidates.box',
      'candidates.notes',
      'candidates.stated_expires_at',
      'candidates.ip',
      'providers.kind',
      'providers.base_url',
      'providers.private_address_confirmed',
      'runtime_providers.skip_validation',
      'runtime_providers.probe_repository',
      'providers.name as provider',
      'runtimes.name as runtime',
      'people.email as person',
      sql<Date>`now()`.as('now'),
    ])
    .where('candidates.id', '=', id)
    .executeTakeFirst()
  if (row === undefined || row.box === null) return undefined
  return {
    ...row,
    ...tokenOwner(row),
    person_id: row.owner_id,
    box: row.box,
    skip_validation: row.skip_validation ?? false,
  }
}

async function openToken(
  keyring: Keyring,
  candidate: PendingCandidate,
): Promise<{ token: string; notes: string[] }> {
  const { id, owner_id, provider_id, box, kind, provider } = candidate
  const address = { purpose: 'candidate', row_id: id, owner_id, provider_id } as const
  try {
    const { token, notes } = tidyToken(await keyring.open(address, box))
    refuseWhatIsNoToken(token, { kind, name: provider })
    return { token, notes }
  } catch (error) {
    if (!(error instanceof BoxError)) throw error
    throw new ProblemError('box-not-authentic', 'Reload the page and paste the token again.', {
      cause: error,
    })
  }
}

/** What the host said of a token that passes, and the repository by which it was proved, if any. */
interface Passed {
  inspection: Inspection
  probe: ProbeColumns
}

/** Asks the host. Returns only for a token that passes. */
async function prove(
  parts: CandidateParts,
  candidate: PendingCandidate,
  token: string,
): Promise<Passed> {
  const adapter = adapterFor(candidate.kind)
  const http = parts.outbound.to(candidate, adapter.origins(candidate.base_url))
  const credential = { method: 'token', token, login: null } as const
  const verdict = await unlessRefusedBefore(parts, candidate, token, () =>
    inspectToken(adapter, http, credential, candidate.owner_kind),
  )
  if (verdict.outcome === 'accepted' && verdict.missing_scopes.length === 0) {
    const { stated_expires_at } = candidate
    const expires_at = verdict.inspection.expires_at ?? stated_expires_at
    if (expires_at !== null && expires_at <= candidate.now) {
      throw new ProblemError('token-expired', 'Make a new token at the Git host and paste it here.')
    }
    const inspection = { ...verdict.inspection, expires_at }
    if (inspection.scopes !== null) return { inspection, probe: notProbed }
    const { probe_repository, provider, skip_validation } = candidate
    if (probe_repository !== null) {
      const known = { ...credential, login: inspection.account.login }
      const place = { repository: probe_repository, provider }
      return { inspection, probe: await proveByRepository(adapter, http, known, place) }
    }
    if (!skip_validation) throw scopesHidden(provider)
    return { inspection, probe: notProbed }
  }
  throw verdictProblem(verdict, candidate.provider, adapter.looksLikeToken(token))
}

/** Asks, unless this token was refused a moment ago: then that is still so. */
async function unlessRefusedBefore(
  { keyring, refused }: CandidateParts,
  { provider_id }: PendingCandidate,
  token: string,
  ask: () => Promise<Verdict>,
): Promise<Verdict> {
  const fingerprint = keyring.fingerprint(token)
  if (refused.has(provider_id, fingerprint)) return { outcome: 'refused', why: 'bad_credential' }
  const verdict = await ask()
  const isBad = verdict.outcome === 'refused' && verdict.why === 'bad_credential'
  if (isBad) refused.add(provider_id, fingerprint)
  return verdict
}

function scopesHidden(provider: string): ProblemError {
  return new ProblemError(
    'token-scopes-hidden',
    `${provider} does not say what this kind of token may do. Use a kind that shows its scopes, or ` +
      'ask an administrator to name a repository to try such tokens on, or to accept them as they ' +
      'are, in the settings of this runtime.',
  )
}

function verdictProblem(verdict: Verdict, provider: string, looksRight: boolean): ProblemError {
  if (verdict.outcome === 'unavailable') {
    const { message, retry_after } = verdict.error
    return new ProblemError('provider-unavailable', `${message} Try again in a moment.`, {
      cause: verdict.error,
      extensions: retry_after === undefined ? {} : { retry_after },
    })
  }
  if (verdict.outcome !== 'refused') {
    const { missing_scopes } = verdict
    return new ProblemError(
      'token-scopes-missing',
      `It lacks ${missing_scopes.join(' and ')}. Make a token at ${provider} that has all scopes ` +
        'listed here.',
      { extensions: { missing_scopes } },
    )
  }
  if (verdict.why === 'account_suspended') {
    return new ProblemError(
      'account-suspended',
      `${provider} has suspended the account of this token. Ask its administrators.`,
    )
  }
  if (verdict.why === 'login_missing') {
    return new ProblemError(
      'token-malformed',
      `${provider} wants the account's e-mail address beside it. Paste both together, with a ` +
        'colon between them: you@example.com:TOKEN',
    )
  }
  if (!looksRight) {
    return new ProblemError(
      'token-rejected',
      `${provider} does not know it, and it does not look like a token. If it is your password: ` +
        'passwords are not taken here; make a token instead.',
    )
  }
  return new ProblemError(
    'token-rejected',
    `${provider} does not accept it: it was deleted, has expired, or was not copied whole. ` +
      'Make a new one there.',
  )
}

/** Puts the token in place: candidate, connection and authorization, in one transaction. */
async function accept(
  { db, keyring }: VaultParts,
  candidate: PendingCandidate,
  token: string,
  { inspection, probe }: Passed,
): Promise<void> {
  const { owner_id, owner_kind, runtime_id, provider_id } = candidate
  await decide(db, attemptOf(candidate, 'accepted'), async (trx) => {
    await takeTurns(trx, candidate)
    await refuseFinished(trx, candidate)
    const before = await connectionBefore(trx, candidate, keyring.fingerprint(token))
    const id = before?.method === 'token' ? before.id : randomUUID()
    const address = { purpose: 'token_set', row_id: id, owner_id, provider_id } as const
    const box = await keyring.seal(
      address,
      tokenSetText({ access_token: token, refresh_token: null }),
    )
    const connection = {
      id,
      owner_id,
      owner_kind,
      provider_id,
      method: 'token',
      box,
      fingerprint: keyring.fingerprint(token),
      expires_at: inspection.expires_at,
      ...acceptedColumns(inspection),
    } as const
    await placeConnection(trx, candidate, connection, probe)
    const { account } = inspection
    const notes = [...candidate.notes]
    if (before !== undefined && before.account_login !== account.login) {
      notes.push(`The account is now ${account.login}; it was ${before.account_login}.`)
    }
    await finish(trx, candidate, { status: 'accepted', notes, problem: null })
    if (owner_kind === 'person') await announce(trx, { name: 'access', owner_id, id: runtime_id })
    else await announceToken(trx, { id, owner_id, owner_kind })
  })
}

/** The connection whose token this one replaces, or that holds this very token already. */
async function connectionBefore(
  trx: Trx,
  candidate: PendingCandidate,
  fingerprint: Buffer,
): Promise<{ id: string; method: 'oauth' | 'token'; account_login: string } | undefined> {
  if (candidate.owner_kind === 'runtime') return await ownConnection(trx, candidate)
  const { owner_id, runtime_id, provider_id } = candidate
  const bound = await trx
    .selectFrom('authorizations')
    .innerJoin('connections', 'connections.id', 'authorizations.connection_id')
    .select(['connections.id', 'method', 'account_login'])
    .where('authorizations.owner_id', '=', owner_id)
    .where('authorizations.runtime_id', '=', runtime_id)
    .where('authorizations.provider_id', '=', provider_id)
    .where('connections.method', '=', 'token')
    .forUpdate()
    .executeTakeFirst()
  if (bound !== undefined) return bound
  return await trx
    .selectFrom('connections')
    .select(['id', 'method', 'account_login'])
    .where('owner_id', '=', owner_id)
    .where('provider_id', '=', provider_id)
    .where('fingerprint', '=', fingerprint)
    .orderBy('created_at')
    .limit(1)
    .forUpdate()
    .executeTakeFirst()
}

async function turnDown(db: Db, candidate: PendingCandidate, problem: ProblemError): Promise<void> {
  const status = problem.type === 'provider-unavailable' ? 'not_checked' : 'refused'
  const attempt = { ...attemptOf(candidate, status), reason: problem.type }
  await decide(db, attempt, async (trx) => {
    await refuseFinished(trx, candidate)
    const document = JSON.stringify(problem.toProblem())
    await finish(trx, candidate, { status, notes: candidate.notes, problem: document })
  })
}

/** Locks the candidate until `trx` ends. @throws OvertakenError when it was finished, or is gone */
async function refuseFinished(trx: Trx, { id }: PendingCandidate): Promise<void> {
  const row = await trx
    .selectFrom('candidates')
    .select('id')
    .where('id', '=', id)
    .where('box', 'is not', null)
    .forUpdate()
    .executeTakeFirst()
  if (row === undefined) throw new OvertakenError()
}

async function finish(
  trx: Trx,
  candidate: PendingCandidate,
  result: {
    status: 'accepted' | 'refused' | 'not_checked'
    notes: string[]
    problem: string | null
  },
): Promise<void> {
  await trx
    .updateTable('candidates')
    .set({ ...result, box: null, finished_at: sql<Date>`now()` })
    .where('id', '=', candidate.id)
    .execute()
  await announce(trx, { name: 'candidate', owner_id: candidate.person_id, id: candidate.id })
}

function attemptOf(candidate: PendingCandidate, outcome: string) {
  const { owner_kind, person, provider, runtime } = candidate
  const what =
    owner_kind === 'runtime'
      ? `own token of runtime ${runtime} for ${provider}`
      : `token of ${person} for ${provider} on runtime ${runtime}`
  return {
    actor: vaultActor,
    action: 'candidate.finish',
    subject: `${what}: ${outcome}`,
    ip: candidate.ip,
    owner_id: candidate.owner_id,
    runtime_id: candidate.runtime_id,
  } as const
}
