import { randomUUID } from 'node:crypto'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DestinationStream } from 'pino'
import { type Config, configFrom } from '../../src/config/config.ts'
import { readEnv } from '../../src/config/env.ts'
import { createClient, type Provider, type Runtime } from '../../src/contract/index.ts'
import { createInvite } from '../../src/people/invites.ts'
import { setupActor } from '../../src/policy/decide.ts'
import { createLog } from '../../src/roles/log.ts'
import { startServer } from '../../src/roles/server.ts'
import { startVault } from '../../src/roles/vault.ts'
import { generateVaultKey } from '../../src/seal/keys.ts'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import { type Forge, startForge } from './forge.ts'
import { joinAs, type PersonClient } from './person.ts'
import { freePort } from './ports.ts'
import { tablesDatabase } from './postgres.ts'

export interface CountersignOptions {
  /** Settings as the environment would give them, e.g. `COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS`. */
  env?: Record<string, string>
  /** How many vaults answer, each with a pool of its own. */
  vaults?: number
  /** How many servers answer; the pages are at the first one. */
  servers?: number
  /** A PostgreSQL of the test's own. */
  database_url?: string
  /** The key that what is in `database_url` already was sealed to. */
  vault_key?: string
}

/** A server, its vaults and a forge, all real, with an administrator signed in. */
export interface Countersign extends AsyncDisposable {
  config: Config
  page_url: string
  /** Where the servers answer; the first is `page_url`, unless the test sets that. */
  server_urls: string[]
  vault_urls: string[]
  vault_url: string
  vault_key: string
  session_secret: string
  database: Database
  forge: Forge
  /** Everything that was logged, line by line. */
  logged: string[]
  admin: PersonClient
  /** The forge, registered. */
  provider: Provider
  /** Another person, invited and signed in. */
  person(name: string): Promise<PersonClient>
  /** Takes all vaults away; boxes are then opened by nobody. */
  stopVaults(): Promise<void>
  /** A new runtime that uses the forge, and its key. */
  runtime(name?: string): Promise<{ runtime: Runtime; key: string }>
}

export async function startCountersign(options: CountersignOptions = {}): Promise<Countersign> {
  await using resources = new AsyncDisposableStack()
  const database_url = options.database_url ?? resources.use(await tablesDatabase()).url
  const forge = resources.use(await startForge())
  const port = await freePort()
  const data = resources.use(await mkdtempDisposable(join(tmpdir(), 'countersign-data-')))
  const config = configFrom(
    readEnv({
      COUNTERSIGN_PORT: String(port),
      COUNTERSIGN_VAULT_PORT: '0',
      COUNTERSIGN_PAGE_URL: `http://127.0.0.1:${port}`,
      COUNTERSIGN_LOG_LEVEL: 'trace',
      COUNTERSIGN_DATA: data.path,
      ...options.env,
    }),
  )
  const logged: string[] = []
  const stream: DestinationStream = { write: (line) => void logged.push(line) }
  const log = createLog(config.log_level, stream)
  const onError = () => {}
  const database = resources.use(openDatabase(database_url, { max: 10, onError }))
  await migrate(database)

  const vault_key = options.vault_key ?? (await generateVaultKey()).private_key
  const vaults = resources.use(new AsyncDisposableStack())
  const vault_urls: string[] = []
  for (let index = 0; index < (options.vaults ?? 1); index += 1) {
    const own = vaults.use(openDatabase(database_url, { max: 10, onError }))
    vault_urls.push(vaults.use(await startVault(own, config, vault_key, { log })).url)
  }
  const session_secret = randomUUID() + randomUUID()
  const pages_folder = `${import.meta.dirname}/../../dist/web`
  const server_urls: string[] = []
  for (let index = 0; index < (options.servers ?? 1); index += 1) {
    const own = index === 0 ? config : { ...config, port: 0 }
    const serving = startServer(
      database,
      own,
      { session_secret },
      {
        log,
        version: '0.0.0-test',
        pages_folder,
      },
    )
    server_urls.push(resources.use(await serving).url)
  }
  const { page_url } = config
  const server_url = server_urls[0] ?? page_url
  const { token } = await createInvite(database.db, { actor: setupActor, ip: null, role: 'admin' })
  const admin = await joinAs(server_url, token, 'ada')
  const provider = await admin.api.createProvider({
    body: {
      kind: 'gitea',
      name: 'Forge',
      base_url: forge.url,
      private_address_confirmed: true,
    },
  })
  const kept = resources.move()
  let runtimes = 0
  return {
    config,
    page_url,
    server_urls,
    vault_urls,
    vault_url: vault_urls[0] ?? '',
    vault_key,
    session_secret,
    database,
    forge,
    logged,
    admin,
    provider,
    async person(name) {
      const { url } = await admin.api.createInvite({ body: { role: 'member' } })
      return await joinAs(server_url, url.split('#')[1] ?? '', name)
    },
    stopVaults: () => vaults.disposeAsync(),
    async runtime(name) {
      runtimes += 1
      return await admin.api.createRuntime({
        body: { name: name ?? `runtime-${runtimes}`, provider_ids: [provider.id] },
      })
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** The API of a vault for the runtime with this key. */
export function runtimeClient(vault_url: string, key: string) {
  return createClient({ base_url: vault_url, headers: { authorization: `Bearer ${key}` } })
}
