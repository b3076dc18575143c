import { type Selectable, sql } from 'kysely'
import type { ProviderKind } from '../contract/index.ts'
import type { Db } from '../store/database.ts'
import type { ClientsTable, ConnectionsTable } from '../store/tables.ts'
import type { ClientRow } from './client-endpoint.ts'

/** A connection whose token set is being refreshed, with its client and provider. */
export type Claimed = Pick<
  Selectable<ConnectionsTable>,
  | 'id'
  | 'owner_id'
  | 'owner_kind'
  | 'box'
  | 'version'
  | 'account_login'
  | 'scopes'
  | 'requested_scopes'
  | 'redirect_uri'
  | 'expires_at'
  | 'refresh_failures'
> &
  ClientRow & {
    kind: ProviderKind
    private_address_confirmed: boolean
    provider: string
    /** Of the client's last test or use. */
    client_outcome: Selectable<ClientsTable>['test_outcome']
  }

/** What is known of a grant from the moment its host is asked for tokens: enough to end them there. */
export type AskedGrant = Pick<
  Claimed,
  | 'id'
  | 'owner_id'
  | 'owner_kind'
  | 'provider_id'
  | 'kind'
  | 'box'
  | 'version'
  | 'account_login'
  | 'client_row_id'
  | 'client_id'
  | 'client_secret_box'
>

/** Why a refresh is wanted: its time has come, a check found the token refused, or somebody asks. */
export type RefreshCause = 'due' | 'checked' | 'asked'

/** For so long a try that failed is not repeated for whoever asks, however many they are. */
const FAILED_SECONDS = 5

/**
 * Takes the right to refresh: nobody else has it, or who had it has died. What is due waited long
 * enough; for others, a try that has just failed is answered with what it gave.
 */
export async function claim(
  { db, claim_seconds }: { db: Db; claim_seconds: number },
  wanted: { id: string; version: number; holder: string; cause: RefreshCause },
): Promise<Claimed | undefined> {
  const { id, version, holder, cause } = wanted
  const taken = await db
    .updateTable('connections')
    .set({ refresh_claimed_by: holder, refresh_claimed_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('version', '=', version)
    .where('status', '!=', 'reauthorization_required')
    .where('client_row_id', 'is not', null)
    .where(
      sql<boolean>`(refresh_claimed_at is null
        or refresh_claimed_at < now() - make_interval(secs => ${claim_seconds}))`,
    )
    .$if(cause !== 'due', (query) =>
      query.where(
        sql<boolean>`(refresh_failed_at is null
          or refresh_failed_at < now() - make_interval(secs => ${FAILED_SECONDS}))`,
      ),
    )
    .returning('id')
    .executeTakeFirst()
  const row = taken === undefined ? undefined : await claimedRow(db, id)
  return row?.version === version ? row : undefined
}

/** The connection, at whatever version, with what a refresh needs; undefined when it or its app is gone. */
export async function claimedRow(db: Db, id: string): Promise<Claimed | undefined> {
  return await db
    .selectFrom('connections')
    .innerJoin('clients', 'clients.id', 'connections.client_row_id')
    .innerJoin('providers', 'providers.id', 'connections.provider_id')
    .select([
      'connections.id',
      'connections.owner_id',
      'connections.owner_kind',
      'connections.provider_id',
      'connections.box',
      'connections.version',
      'connections.account_login',
      'connections.scopes',
      'connections.requested_scopes',
      'connections.redirect_uri',
      'connections.expires_at',
      'connections.refresh_failures',
      'connections.device_flow',
      'clients.id as client_row_id',
      'clients.client_id',
      'clients.client_secret_box',
      'clients.test_outcome as client_outcome',
      'providers.kind',
      'providers.name as provider',
      'providers.base_url',
      'providers.tenant',
      'providers.private_address_confirmed',
    ])
    .where('connections.id', '=', id)
    .executeTakeFirst()
}

/**
 * The wait for our turn may have been long: the claim must still be ours when we ask.
 *
 * @returns the database's time, from which the life of what is granted now counts; undefined: it is
 *   no longer ours
 */
export async function renewClaim(db: Db, row: Claimed, holder: string): Promise<Date | undefined> {
  const renewed = await db
    .updateTable('connections')
    .set({ refresh_claimed_at: sql<Date>`now()` })
    .where('id', '=', row.id)
    .where('version', '=', row.version)
    .where('refresh_claimed_by', '=', holder)
    .returning('refresh_claimed_at')
    .executeTakeFirst()
  return renewed?.refresh_claimed_at ?? undefined
}

/** What came of the last try, here or at another vault; undefined while one is under way. */
export async function outcomeSoFar(
  db: Db,
  id: string,
  version: number,
): Promise<'refreshed' | 'gone' | 'misconfigured' | 'unavailable' | undefined> {
  const row = await db
    .selectFrom('connections')
    .select([
      'version',
      'status',
      'method',
      'client_row_id',
      'refresh_claimed_at',
      'refresh_failure',
    ])
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined || row.status === 'reauthorization_required') return 'gone'
  if (row.version !== version) return 'refreshed'
  // Without its app, nobody can refresh it.
  if (row.method === 'oauth' && row.client_row_id === null) return 'gone'
  return row.refresh_claimed_at === null ? (row.refresh_failure ?? 'unavailable') : undefined
}
