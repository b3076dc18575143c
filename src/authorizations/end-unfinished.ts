import { announce } from '../events/change.ts'
import type { Trx } from '../store/database.ts'

/** What was begun for a row: by anybody, or only by one person, for themselves or for the runtime. */
interface Begun {
  runtime_id: string
  provider_id: string
  owner_id?: string
  for_runtime?: boolean
}

/**
 * Gives up tokens that are being checked, and grants that are being finished: what is taken back must
 * not come back by itself, hours later, when a Git host answers again. To be called before that is
 * deleted, so that a vault which puts one in its place just now is waited for. The database has the
 * Git host told of what was granted.
 */
export async function endUnfinished(trx: Trx, begun: Begun): Promise<void> {
  const candidates = await trx
    .deleteFrom('candidates')
    .where((candidate) => candidate.and(begun))
    .where('status', '=', 'checking')
    .returning(['id', 'owner_id'])
    .execute()
  const requests = await trx
    .deleteFrom('authorization_requests')
    .where((request) => request.and(begun))
    .where('status', '=', 'exchanging')
    .returning(['id', 'owner_id'])
    .execute()
  for (const ended of candidates) await announce(trx, { name: 'candidate', ...ended })
  for (const ended of requests) await announce(trx, { name: 'authorization_request', ...ended })
}
