import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { startEmbeddedPostgres } from '../store/embedded.ts'
import { hasCluster, runningPostgresUrl } from '../store/embedded-running.ts'

/**
 * For a command beside the database: what `DATABASE_URL` names, or what lies in the data folder,
 * whether it runs or not. One statement may take as long as it needs.
 */
export async function openOwnDatabase(
  resources: AsyncDisposableStack,
  { database_url, data_folder }: Config,
): Promise<Database> {
  const folder = join(data_folder, 'postgres')
  if (database_url === undefined && !hasCluster(folder)) {
    throw new ConfigError(
      `There is no database in ${data_folder}. Name the data folder in COUNTERSIGN_DATA, or the ` +
        'database in DATABASE_URL.',
    )
  }
  const url =
    database_url ??
    runningPostgresUrl(folder) ??
    resources.use(await startEmbeddedPostgres({ folder })).url
  return resources.use(openDatabase(url, { max: 2, onError: () => {}, answer_ms: null }))
}
