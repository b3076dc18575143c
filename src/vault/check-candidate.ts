import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { announceToken } from '../authorizations/announce-token.ts'
import { notOnRuntime, refuseWhatIsNoToken } from '../authorizations/candidates.ts'
import { placeConnection, takeTurns } from '../authorizations/place-connection.ts'
import { ProblemError, tidyToken } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { holdAdministrator } from '../policy/administrator.ts'
import { decide, vaultActor } from '../policy/decide.ts'
import type { Inspection } from '../providers/provider.ts'
import { BoxError } from '../seal/box-error.ts'
import { type Db, isBrokenReference, type Trx } from '../store/database.ts'
import { acceptedColumns } from './accepted-connection.ts'
import type { Keyring } from './keyring.ts'
import { OvertakenError } from './overtaken-error.ts'
import { loadCandidate, type PendingCandidate } from './pending-candidate.ts'
import { type CandidateParts, type Passed, proveCandidate } from './prove-candidate.ts'
import { bringOthers, connectionBefore, type StaysBehind, staysBehind } from './shared-token.ts'
import { tokenSetAddress, tokenSetText } from './token-set.ts'
import type { VaultParts } from './vault-parts.ts'

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
    const proof = await proveCandidate(parts, candidate, token)
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

/** Where a token is sealed to until it is checked; `owner_id` is whose it becomes. */
export function candidateAddress(candidate: { id: string; owner_id: string; provider_id: string }) {
  const { id, owner_id, provider_id } = candidate
  return { purpose: 'candidate', row_id: id, owner_id, provider_id } as const
}

async function openToken(
  keyring: Keyring,
  candidate: PendingCandidate,
): Promise<{ token: string; notes: string[] }> {
  const { id, owner_id, provider_id, box, kind, provider } = candidate
  try {
    const address = candidateAddress({ id, owner_id, provider_id })
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

/** Puts the token in place: candidate, connection and authorization, in one transaction. */
async function accept(
  { db, keyring }: VaultParts,
  candidate: PendingCandidate,
  token: string,
  { inspection, probe, elsewhere }: Passed,
): Promise<void> {
  const { owner_id, owner_kind, runtime_id, provider_id } = candidate
  await decide(db, attemptOf(candidate, 'accepted'), async (trx, about) => {
    await takeTurns(trx, candidate)
    if (owner_kind === 'runtime') await holdAdministrator(trx, { id: candidate.person_id })
    await refuseFinished(trx, candidate)
    const fingerprint = keyring.fingerprint(token)
    const before = await connectionBefore(trx, candidate, fingerprint)
    const isNew = inspection.scopes === null && before?.fingerprint.equals(fingerprint) === false
    const staying = isNew ? await staysBehind(trx, before.id, candidate, elsewhere) : []
    const id = before?.method === 'token' && staying.length === 0 ? before.id : randomUUID()
    const box = await keyring.seal(
      tokenSetAddress({ id, owner_id, provider_id }),
      tokenSetText({ access_token: token, refresh_token: null }),
    )
    const connection = {
      id,
      owner_id,
      owner_kind,
      provider_id,
      method: 'token',
      box,
      fingerprint,
      expires_at: inspection.expires_at,
      ...acceptedColumns(inspection),
    } as const
    await placeConnection(trx, candidate, connection, probe)
    about({ connection_id: id })
    if (before !== undefined && staying.length > 0) {
      await bringOthers(trx, { from: before.id, to: id }, staying)
    }
    const notes = notesOf(candidate, before, inspection, staying)
    await finish(trx, candidate, { status: 'accepted', notes, problem: null })
    if (owner_kind === 'person') await announce(trx, { name: 'access', owner_id, id: runtime_id })
    else await announceToken(trx, { id, owner_id, owner_kind })
  })
}

/** What the person is told beside: of another account, and of runtimes that this does not reach. */
function notesOf(
  candidate: PendingCandidate,
  before: { account_login: string } | undefined,
  { account }: Inspection,
  staying: readonly StaysBehind[],
): string[] {
  const notes = [...candidate.notes]
  if (before !== undefined && before.account_login !== account.login) {
    notes.push(`The account is now ${account.login}; it was ${before.account_login}.`)
  }
  for (const { runtime } of staying) {
    notes.push(`Runtime ${runtime} keeps the token it has: this one does not show what it may do.`)
  }
  return notes
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
