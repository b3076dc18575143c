import { sql } from 'kysely'
import type { Revocation } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { Db } from '../store/database.ts'
import { atMost, decodeCursor, type Page, type PageRequest, toPage } from '../store/page.ts'
import type { OwnerKind } from '../store/tables.ts'

/** One that was not tried for so long waits for others at its Git host. */
const UNTRIED = sql<Date>`now() - interval '1 minute'`

/** What the database writes for a grant that was turned down before its account was known. */
const UNKNOWN_ACCOUNT = 'an account'

/**
 * True of tokens whose account has granted the same app what its owner uses: hosts have one entry
 * for both, and who ends it by hand ends what is in use.
 */
const isEntryInUse = sql<boolean>`exists (
  select from connections c join clients k on k.id = c.client_row_id
  where c.owner_id = revocations.owner_id and c.client_row_id = revocations.client_row_id
    and coalesce(c.former_client_id, k.client_id) = revocations.client_id
    and revocations.account_login in (c.account_login, ${UNKNOWN_ACCOUNT})
    and c.status <> 'reauthorization_required')`

/**
 * Tokens of grants of a person, or of a runtime itself, that nothing uses any more and that could not
 * be ended at their Git host yet, oldest first. What is done within moments is in no list.
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
    .select(isEntryInUse.as('in_use'))
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
    .limit(atMost(request.limit + 1))
    .execute()
  return toPage(
    rows,
    request.limit,
    ({ id, provider_id, kind, name, base_url, ...row }) => ({
      id,
      provider: { id: provider_id, kind, name, base_url },
      account: row.account_login,
      created_at: row.created_at.toISOString(),
      reason: row.failure,
      tried_at: row.failed_at?.toISOString() ?? null,
      grant_page: row.in_use ? null : adapterFor(kind).pages(base_url, owner.owner_kind).grants,
    }),
    (row) => [row.created_at.toISOString(), row.id],
  )
}
