import { type Insertable, type RawBuilder, sql } from 'kysely'
import { enqueueBehind } from '../jobs/queue.ts'
import type { Trx } from '../store/database.ts'
import type { ConnectionsTable, OwnerKind, StoredProbeOutcome } from '../store/tables.ts'
import { settleNotices } from './notices.ts'
import { type AuthorizationProbe, notProbed, type ProbeColumns } from './probe.ts'
import { removeRuntimeTokens, removeUnusedConnections } from './remove-unused.ts'

/** A row of the list: whose, on which runtime, at which provider. */
export interface AuthorizationRow {
  owner_id: string
  runtime_id: string
  provider_id: string
}

type Columns = Insertable<ConnectionsTable>
/** The columns of a connection; times as the database's clock has them. */
type NewConnection = { id: string } & {
  [Name in keyof Omit<Columns, 'id'>]: Columns[Name] | RawBuilder<Columns[Name]>
}

/**
 * Whose a token becomes that `owner_id` brings for a runtime: their own, or the runtime's. Its boxes
 * are bound to this owner from the start, so that none of them can become the other.
 */
export function tokenOwner(row: { owner_id: string; runtime_id: string; for_runtime: boolean }): {
  owner_id: string
  owner_kind: OwnerKind
} {
  return row.for_runtime
    ? { owner_id: row.runtime_id, owner_kind: 'runtime' }
    : { owner_id: row.owner_id, owner_kind: 'person' }
}

/**
 * Token sets of one owner at one Git host are put in place one after the other, until `trx` ends:
 * two for the same row end in one authorization, and one token for two rows in one connection.
 */
export async function takeTurns(
  trx: Trx,
  { owner_id, provider_id }: Pick<AuthorizationRow, 'owner_id' | 'provider_id'>,
): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(
    ${[owner_id, provider_id].join()}, 0))`.execute(trx)
}

/**
 * Writes a token set into its connection: a new one, or the next version of the one there is. What
 * the one before was tried on says nothing about this one: other runtimes have it tried anew. Those
 * to which that one was not proved wait for it.
 */
async function writeConnection(trx: Trx, connection: NewConnection): Promise<void> {
  const { id: _, owner_id: __, owner_kind: ___, provider_id: ____, ...values } = connection
  await trx
    .insertInto('connections')
    .values(connection)
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet({ ...values, version: sql<number>`connections.version + 1` }),
    )
    .execute()
  const { id } = connection
  const tried = await trx
    .updateTable('authorizations')
    .set({
      probed_repository: sql<string | null>`case
        when probe_outcome <> 'proved' then probed_repository end`,
      probe_outcome: sql<StoredProbeOutcome | null>`case
        when probe_outcome <> 'proved' then 'not_tried' end`,
    })
    .where('connection_id', '=', id)
    .where('probe_outcome', 'is not', null)
    .returning('id')
    .execute()
  if (tried.length > 0) await enqueueBehind(trx, 'check-connection', id)
}

/** The token that a runtime has of its own at a provider; locked until `trx` ends. */
export async function ownConnection(
  trx: Trx,
  row: Pick<AuthorizationRow, 'runtime_id' | 'provider_id'>,
) {
  return await trx
    .selectFrom('connections')
    .select([
      'id',
      'method',
      'client_row_id',
      'box',
      'fingerprint',
      'account_id',
      'account_login',
      'former_client_id',
      'former_client_secret_box',
    ])
    .where('runtime_id', '=', row.runtime_id)
    .where('provider_id', '=', row.provider_id)
    .forUpdate()
    .executeTakeFirst()
}

/**
 * Writes a token set into its connection and puts that to its use: a person's with the authorization
 * of this row, a runtime's own in the place of the one it had.
 *
 * @param probe what the token was tried on for this runtime
 */
export async function placeConnection(
  trx: Trx,
  { runtime_id, provider_id }: Pick<AuthorizationRow, 'runtime_id' | 'provider_id'>,
  connection: NewConnection & { owner_id: string; owner_kind: OwnerKind },
  probe: ProbeColumns = notProbed,
): Promise<void> {
  const { id, owner_id, owner_kind } = connection
  if (owner_kind === 'runtime') {
    await removeRuntimeTokens(trx, { runtime_id, provider_ids: [provider_id] }, id)
    await writeConnection(trx, { ...connection, ...probe })
    return await settleNotices(trx, id)
  }
  await writeConnection(trx, connection)
  await bindConnection(trx, { owner_id, runtime_id, provider_id }, id, probe)
}

/**
 * Lets the runtime of a row use a connection from now on: an act of consent, whose age counts from
 * here. A token that nothing uses any more is destroyed.
 *
 * @param probe what the token was tried on for this runtime
 */
export async function bindConnection(
  trx: Trx,
  row: AuthorizationRow,
  connection_id: string,
  probe: AuthorizationProbe = notProbed,
): Promise<void> {
  const { owner_id, runtime_id, provider_id } = row
  const before = await trx
    .selectFrom('authorizations')
    .select('connection_id')
    .where('owner_id', '=', owner_id)
    .where('runtime_id', '=', runtime_id)
    .where('provider_id', '=', provider_id)
    .forUpdate()
    .executeTakeFirst()
  const authorized_at = sql<Date>`now()`
  const expires_at = sql<Date | null>`now() + make_interval(days => (
    select max_age_days from runtime_providers
    where runtime_id = ${runtime_id} and provider_id = ${provider_id}))`
  await trx
    .insertInto('authorizations')
    .values({
      owner_id,
      runtime_id,
      provider_id,
      connection_id,
      authorized_at,
      expires_at,
      ...probe,
    })
    .onConflict((conflict) =>
      conflict
        .columns(['owner_id', 'runtime_id', 'provider_id'])
        .doUpdateSet({ connection_id, authorized_at, expires_at, ...probe }),
    )
    .execute()
  if (before !== undefined && before.connection_id !== connection_id) {
    await removeUnusedConnections(trx, [before.connection_id])
    await settleNotices(trx, before.connection_id)
  }
  await settleNotices(trx, connection_id)
}
