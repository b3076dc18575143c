import { sql } from 'kysely'
import type { Revocation } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { Db } from '../store/database.ts'
import { decodeCursor, type Page, type PageRequest, toPage } from '../store/page.ts'
import type { OwnerKind } from '../store/tables.ts'

/** One that was not tried for so long waits for others at its Git host. */
const UNTRIED = sql<Date>`now() - interval '1 minute'`

/**
 * Grants of a person, or of a runtime itself, that nothing uses any more and that could not be ended
 * at their Git host yet, oldest first. What is done within moments is in no list.
 */
export async function listRevocations(
  db: Db,
  owner: { owner_id: string; owner_kind: OwnerKind },
  request: PageRequest,
): Promise<Page<Revocation>> {
  const after = decodeCursor(request.cursor, ['instant', 'id'])
  const rows = await db
    .selectFrom('revocations')
    .innerJoin('providers', 'providers.id', 'revocations.provider_id')
    .select([
      'revocations.id',
      'revocations.account_login',
      'revocations.created_at',
      'revocations.failed_at',
      'revocations.failure',
      'providers.id as provider_id',
      'providers.kind',
      'providers.name',
      'providers.base_url',
    ])
    .where('revocations.owner_id', '=', owner.owner_id)
    .where('revocations.owner_kind', '=', owner.owner_kind)
    .where((row) =>
      row.or([row('failed_at', 'is not', null), row('revocations.created_at', '<', UNTRIED)]),
    )
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(revocations.created_at, revocations.id)
          > (${after?.[0]}::timestamptz, ${after?.[1]}::uuid)`,
      ),
    )
    .orderBy('revocations.created_at')
    .orderBy('revocations.id')
    .limit(request.limit + 1)
    .execute()
  return toPage(
    rows,
    request.limit,
    ({ id, account_login, created_at, failed_at, failure, provider_id, kind, name, base_url }) => ({
      id,
      provider: { id: provider_id, kind, name, base_url },
      account: account_login,
      created_at: created_at.toISOString(),
      reason: failure,
      tried_at: failed_at?.toISOString() ?? null,
      grant_page: adapterFor(kind).pages(base_url, owner.owner_kind).grants,
    }),
    (row) => [row.created_at.toISOString(), row.id],
  )
}
