import { ProblemError } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import type { Trx } from '../store/database.ts'

/**
 * Ends what waits with a grant to the app that another is about to take the place of, such as for a
 * word about its account. The database keeps it to be revoked as the app that it still finds.
 */
export async function endPendingGrants(
  trx: Trx,
  { id, client_id }: { id: string; client_id: string },
): Promise<void> {
  // A vault that is about to write such a grant down waits for the end of this, or has done so before.
  await trx.selectFrom('clients').select('id').where('id', '=', id).forNoKeyUpdate().execute()
  const ended = await trx
    .updateTable('authorization_requests')
    .set({
      status: 'refused',
      problem: JSON.stringify(appReplaced().toProblem()),
      token_set_box: null,
      next_poll_at: null,
    })
    .where('token_set_box', 'is not', null)
    .where('client_row_id', 'in', (query) =>
      query
        .selectFrom('clients')
        .select('clients.id')
        .where('clients.id', '=', id)
        .where('clients.client_id', '!=', client_id),
    )
    .returning(['id', 'owner_id'])
    .execute()
  for (const request of ended) {
    await announce(trx, { name: 'authorization_request', ...request })
  }
}

/** What became of a grant to an app when another took its place. */
export function appReplaced(): ProblemError {
  return new ProblemError(
    'authorization-failed',
    'An administrator replaced the app that you allowed. Nothing was changed. Authorize access again.',
  )
}
