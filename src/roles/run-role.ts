import process from 'node:process'
import type { Logger } from 'pino'
import { type Config, configFrom, pageUrlNotice } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { type Env, readEnv, unknownSettings } from '../config/env.ts'
import type { ServerSecrets } from '../config/secrets.ts'
import { type Database, openDatabase } from '../store/database.ts'
import { migrate } from '../store/migrate.ts'
import { aborted } from './aborted.ts'
import { requirePages } from './built-pages.ts'
import { sentenceFor } from './failure-sentence.ts'
import { errorLog, fileLog } from './log.ts'
import type { Serving } from './server.ts'
import { setupUrl } from './setup-url.ts'
import { leaveSilentDatabase } from './silent-database.ts'
import { startScreen } from './start-screen.ts'
import type { ServingVault } from './vault.ts'
import { obtainVaultKey } from './vault-key.ts'

export interface RoleOptions {
  version: string
  pages_folder: string
  env: NodeJS.ProcessEnv
}

/** A start that takes longer says what it may wait for. */
const SILENT_MS = 5000

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
    if (role !== 'vault') await requirePages(options.pages_folder)
    if (role === 'up') {
      const log = await fileLog(config)
      tellOddities(options.env, config, log)
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
  // Before a table is changed: there is no way back.
  const secrets = role === 'server' ? serverSecrets(env) : undefined
  const log = errorLog(config)
  tellOddities(options.env, config, log)
  const onError = (error: Error) => log.warn({ err: error }, 'database connection lost')
  const silent = setTimeout(() => log.warn(stillStarting), SILENT_MS).unref()
  await using database = openDatabase(config.database_url, { max: 20, onError })
  await migrate({ url: database.url, signal })
  if (signal.aborted) return
  await using _leaving = leaveSilentDatabase(database, signal, log)
  await using serving = await serve(secrets, database, env, config, { log, ...options })
  clearTimeout(silent)
  const setup_url = role === 'server' ? await setupUrl(database.db, config.page_url) : null
  log.info({ url: serving.url }, `${role} ready`)
  if (setup_url !== null) {
    process.stdout.write(`Open this once, it makes you the administrator: ${setup_url}\n`)
  }
  await Promise.race([aborted(signal), ...('ended' in serving ? [serving.ended] : [])])
}

const stillStarting =
  'still starting: waits for an answer of the database, or for another start that brings its tables ' +
  'up to date. A pooler before it needs room for all connections, see docs/administration.md'

function tellOddities(variables: NodeJS.ProcessEnv, config: Config, log: Logger): void {
  const settings = unknownSettings(variables)
  if (settings.length > 0) log.warn({ settings }, 'nothing reads these settings')
  const notice = pageUrlNotice(config)
  if (notice !== undefined) log.warn(notice)
}

/** Each role loads its own parts only: a server has no code in memory that could open a box. */
async function serve(
  secrets: ServerSecrets | undefined,
  database: Database,
  env: Env,
  config: Config,
  options: RoleOptions & { log: Logger },
): Promise<Serving | ServingVault> {
  if (secrets !== undefined) {
    const { startServer } = await import('./server.ts')
    return await startServer(database, config, secrets, options)
  }
  const { startVault } = await import('./vault.ts')
  const key = await obtainVaultKey(database.db, config, env.vault_key)
  return await startVault(database, config, key, options)
}

function serverSecrets({ session_secret }: Env): ServerSecrets {
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
