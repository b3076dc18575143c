import { type RawBuilder, sql } from 'kysely'
import { enqueueBehind } from '../jobs/queue.ts'
import type { Trx } from '../store/database.ts'
import type { OwnerKind } from '../store/tables.ts'

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
 * Has the provider told that a grant is over. Of a connection there is one revocation, of its newest
 * token set: one that came late takes the place of none that is as new.
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
  const kept = await trx
    .insertInto('revocations')
    .values({
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
    })
    .onConflict((conflict) =>
      conflict
        .column('connection_id')
        .doUpdateSet({ box, version })
        .where(isBefore(version ?? null)),
    )
    .returning('id')
    .executeTakeFirst()
  if (kept !== undefined) await enqueueBehind(trx, 'revoke-grant', kept.id)
}

/** Whether a revocation holds an older token set than this version, as far as is known. */
export function isBefore(version: number | null): RawBuilder<boolean> {
  return sql<boolean>`(revocations.version is null or revocations.version < ${version})`
}
