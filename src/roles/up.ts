import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Logger } from 'pino'
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts'
import { DEMO_ACCOUNT } from '../../sandbox/seed.ts'
import { type Config, pageUrlNotice } from '../config/config.ts'
import { randomSecret, readOrCreateSecret } from '../config/secrets.ts'
import { openDatabase } from '../store/database.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../store/embedded.ts'
import { EmbeddedPostgresError } from '../store/embedded-error.ts'
import { lockFolder } from '../store/embedded-lock.ts'
import { migrate } from '../store/migrate.ts'
import { aborted } from './aborted.ts'
import { listenError } from './listen-on.ts'
import { startLocalAgent } from './local-agent.ts'
import {
  type LocalPerson,
  localPerson,
  prepareLocalRuntime,
  readLocalKey,
} from './local-runtime.ts'
import { callsWithRotatedKey } from './rotated-key.ts'
import { startServer } from './server.ts'
import { setupUrl } from './setup-url.ts'
import { leaveSilentDatabase } from './silent-database.ts'
import { startVault } from './vault.ts'
import { obtainVaultKey } from './vault-key.ts'

/** Where `countersign run` looks for `agent.json` unasked. */
const USUAL_DATA = resolve(import.meta.dirname, '..', '..', 'data')

export interface UpOptions {
  log: Logger
  version: string
  pages_folder: string
  /** From the environment; otherwise kept in the data folder. */
  vault_key: string | undefined
  session_secret: string | undefined
  signal: AbortSignal
  /** Says what is being done, for a person who waits. */
  onProgress: (step: string) => void
  onReady: (ready: Ready) => void
}

/** What the start screen tells. */
export interface Ready {
  page_url: string
  /** That others do not reach the pages yet, though they seem meant to. */
  page_url_notice: string | undefined
  /** Makes the first visitor the administrator; null once there is one. */
  setup_url: string | null
  sandbox_url: string
  sandbox_account: { login: string; password: string }
  /** What `countersign run` must be told of; null: it finds it by itself. */
  config_path: string | null
  /** For whom the command on it is; undefined while nobody has an account. */
  person: LocalPerson | undefined
}

/**
 * Everything on one machine, in this process and a PostgreSQL beside it. Runs until `signal`
 * aborts, then ends in order.
 */
export async function up(config: Config, options: UpOptions): Promise<void> {
  const { log, version, pages_folder, signal, onProgress } = options
  await mkdir(config.data_folder, { recursive: true, mode: 0o700 })
  const inData = (name: string) => join(config.data_folder, name)

  await using resources = new AsyncDisposableStack()
  resources.adopt(lockFolder(inData('countersign.pid')), (lock) => lock.release())
  onProgress('Starting the sandbox forge')
  const sandbox = resources.use(await openSandbox(config, inData('sandbox')))
  onProgress('Starting the database')
  const { url, lost } =
    config.database_url === undefined
      ? watched(resources.use(await startPostgres(inData('postgres'), log)))
      : { url: config.database_url, lost: new Promise<never>(() => {}) }
  const onError = (error: Error) => log.warn({ err: error }, 'database connection lost')
  const database = resources.use(openDatabase(url, { max: 12, onError }))
  onProgress('Preparing the tables')
  await migrate({ url: database.url, signal })
  if (signal.aborted) return
  resources.use(leaveSilentDatabase(database, signal, log))

  onProgress('Starting vault, server and agent')
  const key = await obtainVaultKey(database.db, config, options.vault_key)
  const vault = resources.use(await startVault(database, config, key, { log }))
  const session_secret =
    options.session_secret ??
    (await readOrCreateSecret(inData('session.secret'), async () => randomSecret()))
  const secrets = { session_secret }
  resources.use(await startServer(database, config, secrets, { log, version, pages_folder }))
  const runtime_key = await prepareLocalRuntime(database.db, config, {
    vault_url: vault.url,
    sandbox_url: sandbox.url,
  })
  const agent = await startLocalAgent(database, {
    vault: callsWithRotatedKey(vault.callsOf, runtime_key, () => readLocalKey(config)),
    socket_folder: inData('agent'),
    version,
    signal,
    log,
  })
  resources.use(agent)

  options.onReady({
    page_url: config.page_url,
    page_url_notice: pageUrlNotice(config),
    setup_url: await setupUrl(database.db, config.page_url),
    sandbox_url: sandbox.url,
    sandbox_account: DEMO_ACCOUNT,
    config_path: config.data_folder === USUAL_DATA ? null : inData('agent.json'),
    person: await localPerson(database.db, sandbox.url),
  })
  await Promise.race([aborted(signal), lost, vault.ended])
}

async function openSandbox(config: Config, data_folder: string): Promise<Sandbox> {
  const address = { host: config.host, port: config.sandbox_port }
  try {
    return await startSandbox({ ...address, data_folder })
  } catch (error) {
    throw listenError(error, address, 'COUNTERSIGN_SANDBOX_PORT')
  }
}

function startPostgres(folder: string, log: Logger): Promise<EmbeddedPostgres> {
  const onLog = (line: string) => log.debug({ postgres: line }, 'postgres')
  return startEmbeddedPostgres({ folder, onLog })
}

/** With a promise that is broken when PostgreSQL ends before it is told to. */
function watched({ url, exited }: EmbeddedPostgres): { url: string; lost: Promise<never> } {
  const lost = exited.then(() => {
    const message = 'The database has ended by itself. Start again: it finds what was saved.'
    throw new EmbeddedPostgresError('failed', message)
  })
  lost.catch(() => {})
  return { url, lost }
}
