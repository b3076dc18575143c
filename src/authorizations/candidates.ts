import {
  type Candidate,
  ProblemError,
  type ProviderKind,
  tidyToken,
  tokenFault,
} from '../contract/index.ts'
import { enqueue } from '../jobs/queue.ts'
import { decide } from '../policy/decide.ts'
import { sealBox } from '../seal/box.ts'
import type { Db } from '../store/database.ts'
import { isBrokenReference, isDuplicate } from '../store/database.ts'
import type { PersonRequest } from './person-request.ts'
import { tokenOwner } from './place-connection.ts'
import { currentVaultKey, refuseUnknownKey } from './vault-key.ts'

export interface NewCandidate extends PersonRequest {
  /** It is to become the runtime's own token, and not this person's. */
  for_runtime: boolean
  id: string
  runtime_id: string
  provider_id: string
  box?: string | undefined
  token?: string | undefined
  expires_at?: string | undefined
  notes?: string[] | undefined
}

/**
 * Takes a token in, sealed or to be sealed, and has a vault check it. Nothing switches to it yet.
 *
 * @throws ProblemError those of `createCandidate` in the contract
 */
export async function createCandidate(db: Db, request: NewCandidate): Promise<Candidate> {
  const { person, ip, id, runtime_id, provider_id, for_runtime } = request
  const row = await db
    .selectFrom('runtime_providers')
    .innerJoin('runtimes', 'runtimes.id', 'runtime_providers.runtime_id')
    .innerJoin('providers', 'providers.id', 'runtime_providers.provider_id')
    .select([
      'runtimes.name as runtime',
      'providers.name as provider',
      'providers.kind',
      'auth_mode',
      'token_allowed',
    ])
    .where('runtime_id', '=', runtime_id)
    .where('provider_id', '=', provider_id)
    .executeTakeFirst()
  if (row === undefined) throw notOnRuntime()
  if (!for_runtime && row.auth_mode !== 'token' && !row.token_allowed) {
    throw new ProblemError('token-not-allowed', `Authorize access to ${row.provider} instead.`)
  }
  const statedEnd = endFrom(request.expires_at)
  const { box, notes } = await boxFrom(db, request, { kind: row.kind, name: row.provider })
  const attempt = {
    actor: person,
    action: for_runtime ? 'runtime_token.create' : 'candidate.create',
    subject: for_runtime
      ? `own token of runtime ${row.runtime} for ${row.provider}`
      : `token for ${row.provider} on runtime ${row.runtime}`,
    ip,
    owner_id: ownerOf(request).owner_id,
    runtime_id,
  } as const
  try {
    return await decide(db, attempt, async (trx) => {
      const created = await trx
        .insertInto('candidates')
        .values({
          id,
          owner_id: person.id,
          for_runtime,
          runtime_id,
          provider_id,
          box,
          notes,
          ip,
          stated_expires_at: statedEnd,
        })
        .returningAll()
        .executeTakeFirstOrThrow()
      await enqueue(trx, 'check-candidate', { id })
      await refuseUnknownKey(trx, box)
      return toCandidate(created)
    })
  } catch (error) {
    if (isBrokenReference(error)) throw notOnRuntime()
    if (!isDuplicate(error, 'candidates_pkey')) throw error
    throw new ProblemError('candidate-exists', 'Make a new id and seal the token again.', {
      cause: error,
    })
  }
}

/** How the check went so far. @throws ProblemError `not-found` */
export async function getCandidate(db: Db, owner_id: string, id: string): Promise<Candidate> {
  const row = await db
    .selectFrom('candidates')
    .selectAll()
    .where('id', '=', id)
    .where('owner_id', '=', owner_id)
    .executeTakeFirst()
  if (row === undefined) {
    throw new ProblemError(
      'not-found',
      'This token is not checked any more, or never was: what it was for may have been deleted.',
    )
  }
  return toCandidate(row)
}

/** The runtime does not use the provider, or one of the two is gone. */
export function notOnRuntime(): ProblemError {
  return new ProblemError(
    'provider-not-on-runtime',
    'The runtime is gone or no longer uses that Git host. Go back to the list.',
  )
}

/** RFC 3339 has leap seconds; the calendar of `Date` does not. */
function endFrom(expires_at: string | undefined): Date | null {
  if (expires_at === undefined) return null
  const end = new Date(expires_at)
  if (!Number.isNaN(end.getTime())) return end
  throw new ProblemError('request-invalid', 'In the body: `expires_at` is not a moment in time.')
}

function ownerOf({ person, runtime_id, for_runtime }: NewCandidate) {
  return tokenOwner({ owner_id: person.id, runtime_id, for_runtime })
}

/** The box as it came, or one made of a token that came in the clear. */
async function boxFrom(
  db: Db,
  request: NewCandidate,
  provider: { kind: ProviderKind; name: string },
): Promise<{ box: string; notes: string[] }> {
  const { box, token: pasted, id, provider_id } = request
  const { owner_id } = ownerOf(request)
  if ((box === undefined) === (pasted === undefined)) {
    throw new ProblemError('request-invalid', 'Send either `box` or `token`, not both.')
  }
  if (box !== undefined) {
    await refuseUnknownKey(db, box)
    return { box, notes: request.notes ?? [] }
  }
  const { token, notes } = tidyToken(pasted ?? '')
  refuseWhatIsNoToken(token, provider)
  const address = { purpose: 'candidate', row_id: id, owner_id, provider_id } as const
  return { box: await sealBox(await currentVaultKey(db), address, token), notes }
}

/**
 * Turns away what can be seen to be no token of this Git host.
 *
 * @throws ProblemError `token-empty`, `token-too-long`, `token-malformed`,
 *   `token-of-another-provider`
 */
export function refuseWhatIsNoToken(
  token: string,
  provider: { kind: ProviderKind; name: string },
): void {
  const fault = tokenFault(token, provider)
  if (fault !== undefined) throw new ProblemError(fault.type, fault.detail)
}

function toCandidate(row: {
  id: string
  runtime_id: string
  provider_id: string
  status: Candidate['status']
  notes: string[]
  problem: Candidate['problem']
  created_at: Date
}): Candidate {
  const { id, runtime_id, provider_id, status, notes, problem } = row
  return {
    id,
    runtime_id,
    provider_id,
    status,
    notes,
    problem,
    created_at: row.created_at.toISOString(),
  }
}
