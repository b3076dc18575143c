import { sql } from 'kysely'
import { Migrator } from 'kysely/migration'
import { type Database, openDatabase } from './database.ts'
import { up as firstPush } from './migrations/0001-first-push.ts'
import { up as oauth } from './migrations/0002-oauth.ts'
import { up as runtimeToken } from './migrations/0003-runtime-token.ts'
import { up as deviceFlow } from './migrations/0004-device-flow.ts'
import { up as entraTenant } from './migrations/0005-entra-tenant.ts'
import { up as repositoryProbe } from './migrations/0006-repository-probe.ts'
import { up as providerPaces } from './migrations/0007-provider-paces.ts'
import { up as keptRevocations } from './migrations/0008-kept-revocations.ts'
import { up as notices } from './migrations/0009-notices.ts'
import { up as jobWorkers } from './migrations/0010-job-workers.ts'
import { up as requestedScopes } from './migrations/0011-requested-scopes.ts'
import { up as revokedRequests } from './migrations/0012-revoked-requests.ts'
import { up as revocationIds } from './migrations/0013-revocation-ids.ts'
import { up as publicClients } from './migrations/0014-public-clients.ts'
import { up as backgroundWork } from './migrations/0015-background-work.ts'
import { up as untriedTokens } from './migrations/0016-untried-tokens.ts'
import { up as grantsAsMade } from './migrations/0017-grants-as-made.ts'
import { up as replacedApps } from './migrations/0018-replaced-apps.ts'
import { up as removedApps } from './migrations/0019-removed-apps.ts'
import { up as revocationVersions } from './migrations/0020-revocation-versions.ts'
import { up as listsByName } from './migrations/0021-lists-by-name.ts'
import { up as naturalOrder } from './migrations/0022-natural-order.ts'
import { refuseSharedSessions } from './own-sessions.ts'
import { runMigrations as migrateQueue } from './queue-library.ts'

const migrations = {
  '0001-first-push': { up: firstPush },
  '0002-oauth': { up: oauth },
  '0003-runtime-token': { up: runtimeToken },
  '0004-device-flow': { up: deviceFlow },
  '0005-entra-tenant': { up: entraTenant },
  '0006-repository-probe': { up: repositoryProbe },
  '0007-provider-paces': { up: providerPaces },
  '0008-kept-revocations': { up: keptRevocations },
  '0009-notices': { up: notices },
  '0010-job-workers': { up: jobWorkers },
  '0011-requested-scopes': { up: requestedScopes },
  '0012-revoked-requests': { up: revokedRequests },
  '0013-revocation-ids': { up: revocationIds },
  '0014-public-clients': { up: publicClients },
  '0015-background-work': { up: backgroundWork },
  '0016-untried-tokens': { up: untriedTokens },
  '0017-grants-as-made': { up: grantsAsMade },
  '0018-replaced-apps': { up: replacedApps },
  '0019-removed-apps': { up: removedApps },
  '0020-revocation-versions': { up: revocationVersions },
  '0021-lists-by-name': { up: listsByName },
  '0022-natural-order': { up: naturalOrder },
}

/** The data was written by a newer version than this one. */
export class DataTooNewError extends Error {
  override readonly name = 'DataTooNewError'
}

/** The data was written by an older version than this one, or none was written yet. */
export class DataTooOldError extends Error {
  override readonly name = 'DataTooOldError'
}

/** The PostgreSQL server is of a version that lacks what our tables need. */
export class ServerTooOldError extends Error {
  override readonly name = 'ServerTooOldError'
}

/** Another installation has its tables in another schema of the same database. */
export class SharedDatabaseError extends Error {
  override readonly name = 'SharedDatabaseError'
}

/** Has `unique nulls not distinct`, which ours rest on. */
const OLDEST_SERVER = 15

/** Any number that only we use, so that processes starting at once wait for each other. */
const MIGRATION_LOCK = 7_080_001

/**
 * Brings the tables, and those of the job queue, up to date. Processes that start together take
 * turns; data of a newer version is left alone.
 * Aborting `signal` has it return without its turn, if that has not come yet.
 *
 * @throws {DataTooNewError}
 * @throws {ServerTooOldError}
 * @throws {SharedDatabaseError}
 * @throws {SharedSessionsError}
 */
export async function migrate({
  url,
  signal,
}: Pick<Database, 'url'> & { signal?: AbortSignal }): Promise<void> {
  // Another process may be at it, and a table may be large: nothing here takes too long.
  await using database = openDatabase(url, { max: 2, onError: () => {}, answer_ms: null })
  using turn = new DisposableStack()
  if (!(await getsTurn(database, turn, signal))) return
  await refuseNewerData(database)
  await refuseSecondInstallation(database)
  const migrator = new Migrator({
    db: database.db,
    provider: { getMigrations: async () => migrations },
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  await migrateQueue({ pgPool: database.pool })
  await sql`select ensure_audit_partitions()`.execute(database.db)
}

/**
 * Waits until no other process is at it; disposing of `turn` lets the next one in. Who is told to end
 * meanwhile hangs up, whatever the server has not answered yet, and gets none.
 */
async function getsTurn(
  { db, pool, hangUp }: Database,
  turn: DisposableStack,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (signal?.aborted) return false
  signal?.addEventListener('abort', hangUp)
  try {
    const { rows } = await sql<{ server_version_num: string }>`show server_version_num`.execute(db)
    refuseOldServer(Number(rows[0]?.server_version_num))
    await refuseSharedSessions(pool)
    // The lock ends with its connection.
    const lock = turn.adopt(await pool.connect(), (client) => client.release(true))
    await lock.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    return signal?.aborted !== true
  } catch (error) {
    if (signal?.aborted) return false
    throw error
  } finally {
    signal?.removeEventListener('abort', hangUp)
  }
}

/**
 * @param version_num as `server_version_num` tells it: 10,000 times the major version, and the minor
 * @throws {ServerTooOldError}
 */
export function refuseOldServer(version_num: number): void {
  const major = Math.floor(version_num / 10_000)
  if (major >= OLDEST_SERVER) return
  throw new ServerTooOldError(
    `The database server is PostgreSQL ${major}, and Countersign needs ${OLDEST_SERVER} or later. ` +
      'Upgrade it, or name another one in DATABASE_URL.',
  )
}

/**
 * For what works beside a server that may be of another version: leaves the tables as they are, and
 * takes only ours.
 *
 * @throws {DataTooNewError}
 * @throws {DataTooOldError}
 * @throws {SharedSessionsError}
 */
export async function requireMigrated(database: Database): Promise<void> {
  await refuseSharedSessions(database.pool)
  await refuseNewerData(database)
  const applied = await appliedMigrations(database)
  if (applied.length === 0) {
    throw new DataTooOldError('No Countersign has been started on this database yet.')
  }
  const lacking = Object.keys(migrations).filter((name) => !applied.includes(name))
  if (lacking.length > 0) {
    throw new DataTooOldError(
      `The database was written by an older version of Countersign (it lacks ${lacking.join(', ')}). ` +
        'Use that version for this, or start this one first.',
    )
  }
  await sql`select ensure_audit_partitions()`.execute(database.db)
}

async function appliedMigrations({ db }: Database): Promise<string[]> {
  const { rows } = await sql<{ found: string | null }>`
    select to_regclass('kysely_migration')::text as found`.execute(db)
  if (rows[0]?.found === null) return []
  const applied = await sql<{ name: string }>`
    select name from kysely_migration order by name`.execute(db)
  return applied.rows.map(({ name }) => name)
}

async function refuseNewerData(database: Database): Promise<void> {
  const applied = await appliedMigrations(database)
  const unknown = applied.filter((name) => !(name in migrations))
  if (unknown.length > 0) {
    throw new DataTooNewError(
      `The database was written by a newer version of Countersign (it has ${unknown.join(', ')}). ` +
        'Start that version, or restore a backup that this one made.',
    )
  }
}

/**
 * The job queue has one schema in a database, whatever ours is: the vaults of two installations would
 * take jobs from each other, and find nothing to do.
 */
async function refuseSecondInstallation(database: Database): Promise<void> {
  if ((await appliedMigrations(database)).length > 0) return
  const { rows } = await sql<{ schemaname: string }>`select schemaname from pg_tables
    where tablename = 'runtime_providers' and schemaname <> current_schema()`.execute(database.db)
  const [other] = rows
  if (other === undefined) return
  throw new SharedDatabaseError(
    `Another Countersign has its tables in this database, in the schema "${other.schemaname}", and the ` +
      "two would do each other's jobs. Name a database of its own in DATABASE_URL.",
  )
}
