import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensurePassword, POSTGRES_USER } from './embedded-cluster.ts'
import { processStart } from './embedded-lock.ts'

/** Whether there is a database in PostgreSQL's own folder `folder`. */
export function hasCluster(folder: string): boolean {
  return existsSync(join(folder, 'cluster'))
}

/**
 * The address of the PostgreSQL that another process runs in `folder` at this moment; undefined when
 * none does.
 *
 * @see https://www.postgresql.org/docs/18/storage-file-layout.html on `postmaster.pid`
 */
export function runningPostgresUrl(folder: string): string | undefined {
  const path = join(folder, 'cluster', 'postmaster.pid')
  if (!existsSync(path)) return undefined
  const [pid, , , port, socket_folder, address] = readFileSync(path, 'utf8').split('\n')
  if (processStart(Number(pid)) === undefined) return undefined
  const host = socket_folder ? encodeURIComponent(socket_folder) : address
  return `postgres://${POSTGRES_USER}:${ensurePassword(folder)}@${host}:${port}/postgres`
}
