import { type Insertable, type RawBuilder, sql } from 'kysely'
import { enqueueBehind } from '../jobs/queue.ts'
import type { Trx } from '../store/database.ts'
import type { OwnerKind, RevocationsTable } from '../store/tables.ts'

/** A grant that nothing uses any more, and as which app its host is told so. */
export interface EndedGrant {
  /** Of the row that its box is sealed for. */
  row_id: string
  /** The connection that it was, if it was one. */
  connection_id?: string
  /** Which of that connection's token sets is in the box. */
  version?: number
  owner_id: string
  owner_kind: OwnerKind
  provider_id: string
  client_row_id: string
  client_id: string
  client_secret_box: string | null
  account_login: string
  box: string
}

/**
 * Has the provider told that a grant is over. The newest token set of a connection takes the place of
 * an older one in its revocation; one that came later than a newer one has a revocation of its own.
 */
export async function keepRevocation(
  trx: Trx,
  {
    row_id,
    connection_id,
    version,
    owner_id,
    owner_kind,
    provider_id,
    client_row_id,
    client_id,
    client_secret_box,
    account_login,
    box,
  }: EndedGrant,
): Promise<void> {
  const revocation = {
    row_id,
    version,
    owner_id,
    owner_kind,
    provider_id,
    client_row_id,
    client_id,
    client_secret_box,
    account_login,
    box,
  }
  const kept = await trx
    .insertInto('revocations')
    .values({ ...revocation, connection_id })
    .onConflict((conflict) =>
      conflict
        .column('connection_id')
        .doUpdateSet({ box, version })
        .where(isBefore(version ?? null)),
    )
    .returning('id')
    .executeTakeFirst()
  const { id } = kept ?? (await keptApart(trx, revocation))
  await enqueueBehind(trx, 'revoke-grant', id)
}

/** An answer whose file cannot be removed comes home again and again. */
async function keptApart(
  trx: Trx,
  revocation: Omit<Insertable<RevocationsTable>, 'connection_id'>,
): Promise<{ id: string }> {
  const { row_id, version = null } = revocation
  const there = await trx
    .selectFrom('revocations')
    .select('id')
    .where('connection_id', 'is', null)
    .where('row_id', '=', row_id)
    .where('version', '=', version)
    .executeTakeFirst()
  return (
    there ??
    (await trx
      .insertInto('revocations')
      .values(revocation)
      .returning('id')
      .executeTakeFirstOrThrow())
  )
}

/** Whether a revocation holds an older token set than this version, as far as is known. */
function isBefore(version: number | null): RawBuilder<boolean> {
  return sql<boolean>`(revocations.version is null or revocations.version < ${version})`
}
