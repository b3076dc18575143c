import process from 'node:process'
import type { Logger } from 'pino'
import { type Config, ConfigError, configFrom } from '../config/config.ts'
import { type Env, readEnv } from '../config/env.ts'
import { ProblemError, problems } from '../contract/index.ts'
import { BoxError } from '../seal/box-error.ts'
import { type Database, isDatabaseAway, openDatabase } from '../store/database.ts'
import { EmbeddedPostgresError } from '../store/embedded-error.ts'
import { DataTooNewError, migrate } from '../store/migrate.ts'
import { WrongVaultKeyError } from '../vault/wrong-vault-key-error.ts'
import { aborted } from './aborted.ts'
import { errorLog, fileLog } from './log.ts'
import type { Serving } from './server.ts'
import { setupUrl } from './setup-url.ts'
import { startScreen } from './start-screen.ts'
import { obtainVaultKey } from './vault-key.ts'

export interface RoleOptions {
  version: string
  pages_folder: string
  env: NodeJS.ProcessEnv
}

/** Runs a role until a signal ends it. What keeps it from starting is said in one sentence. */
export async function runRole(
  role: 'up' | 'server' | 'vault',
  options: RoleOptions,
): Promise<number> {
  const signal = endingSignal()
  const screen = startScreen(process.stdout)
  try {
    const env = readEnv(options.env)
    const config = configFrom(env)
    if (role === 'up') {
      const log = await fileLog(config)
      const { vault_key, session_secret } = env
      const { up } = await import('./up.ts')
      await up(config, { ...options, vault_key, session_secret, log, signal, ...screen })
    } else {
      await serveAlone(role, env, config, options, signal)
    }
    return 0
  } catch (error) {
    const sentence = sentenceFor(error)
    screen.onFailure()
    process.stderr.write(`countersign: ${sentence ?? (error as Error).stack}\n`)
    return 1
  }
}

async function serveAlone(
  role: 'server' | 'vault',
  env: Env,
  config: Config,
  options: RoleOptions,
  signal: AbortSignal,
): Promise<void> {
  if (config.database_url === undefined) {
    throw new ConfigError(`Set DATABASE_URL: ${role} meets the other parts in one PostgreSQL.`)
  }
  const log = errorLog(config)
  const onError = (error: Error) => log.warn({ err: error }, 'database connection lost')
  await using database = openDatabase(config.database_url, { max: 20, onError })
  await migrate(database)
  await using serving = await serve(role, database, env, config, { log, ...options })
  log.info({ url: serving.url }, `${role} ready`)
  const setup_url = role === 'server' ? await setupUrl(database.db, config.page_url) : null
  if (setup_url !== null) {
    process.stdout.write(`Open this once, it makes you the administrator: ${setup_url}\n`)
  }
  await aborted(signal)
}

/** Each role loads its own parts only: a server has no code in memory that could open a box. */
async function serve(
  role: 'server' | 'vault',
  database: Database,
  env: Env,
  config: Config,
  options: RoleOptions & { log: Logger },
): Promise<Serving> {
  if (role === 'server') {
    const { startServer } = await import('./server.ts')
    return await startServer(database, config, serverSecrets(env), options)
  }
  const { startVault } = await import('./vault.ts')
  const key = await obtainVaultKey(database.db, config, env.vault_key)
  return await startVault(database, config, key, options)
}

function serverSecrets({ session_secret }: Env): { session_secret: string } {
  if (session_secret === undefined || session_secret.length < 32) {
    throw new ConfigError(
      'Set COUNTERSIGN_SESSION_SECRET (or …_FILE) to at least 32 random characters, the same for ' +
        'every server.',
    )
  }
  return { session_secret }
}

/** Aborts at the first signal that asks us to end; a second one ends the process on the spot. */
function endingSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130)
      controller.abort()
    })
  }
  return controller.signal
}

/** One sentence for everything that a person can mend; undefined for our own mistakes. */
function sentenceFor(error: unknown): string | undefined {
  if (
    error instanceof ConfigError ||
    error instanceof EmbeddedPostgresError ||
    error instanceof WrongVaultKeyError ||
    error instanceof DataTooNewError
  ) {
    return error.message
  }
  if (error instanceof ProblemError) return `${problems[error.type].title}. ${error.detail}`
  if (error instanceof BoxError) return 'The vault key is damaged. Restore it from your backup.'
  return fileSentence(error as NodeJS.ErrnoException) ?? databaseSentence(error)
}

function fileSentence({ code, path, syscall }: NodeJS.ErrnoException): string | undefined {
  // Node says ENOENT of the parent when it may not make a folder inside a folder.
  switch (code === 'ENOENT' && syscall === 'mkdir' ? 'EACCES' : code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'The disk is full. Make room, then start again: nothing was lost.'
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return path && `${path} cannot be used by this user. Choose another, or change its owner.`
    case 'EEXIST':
    case 'ENOTDIR':
      return path && `${path} cannot be a folder: a file is in its way.`
    case 'EISDIR':
      return path && `${path} is a folder, and a file is needed there.`
    case 'ENOENT':
      return path && `${path} does not exist.`
    default:
      return undefined
  }
}

/** @see https://www.postgresql.org/docs/current/errcodes-appendix.html */
function databaseSentence(error: unknown): string | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case '28000':
    case '28P01':
      return 'The database server does not accept the user and password in DATABASE_URL.'
    case '3D000':
      return 'The database named in DATABASE_URL does not exist. Create it, or correct the name.'
    case '42501':
      return 'The user in DATABASE_URL may not make tables in that database. Let it own them.'
    case '53100':
      return 'The disk of the database is full. Make room, then start again: nothing was lost.'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'The host in DATABASE_URL is not known. Correct the address.'
    default:
      return isDatabaseAway(error)
        ? 'The database does not answer. Start it, or correct DATABASE_URL.'
        : undefined
  }
}
