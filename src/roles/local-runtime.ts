import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { Config } from '../config/config.ts'
import { setupActor } from '../policy/decide.ts'
import { openOutbound } from '../providers/http.ts'
import { createProvider, moveProvider } from '../registrations/providers.ts'
import { revokeRuntimeKey, rotateRuntimeKey } from '../runtimes/keys.ts'
import { hashRuntimeKey } from '../runtimes/runtime-key.ts'
import { createRuntime } from '../runtimes/runtimes.ts'
import type { Db } from '../store/database.ts'

const NAME = 'local'
const SANDBOX_NAME = 'Sandbox forge'
const KEY_FILE = 'runtime-local.key'

/**
 * Registers this machine as runtime `local`, with the sandbox forge, in a database that does not
 * know it, and leaves its key and `agent.json` where `countersign run` looks for them. A sandbox
 * that has moved to another port is known there afterwards.
 *
 * @returns the runtime key
 */
export async function prepareLocalRuntime(
  db: Db,
  config: Config,
  urls: { vault_url: string; sandbox_url: string },
): Promise<string> {
  const settings = {
    server_url: config.page_url,
    vault_url: urls.vault_url,
    runtime_key_file: KEY_FILE,
  }
  await writeWhole(
    join(config.data_folder, 'agent.json'),
    `${JSON.stringify(settings, null, 2)}\n`,
    0o644,
  )
  const kept = await readLocalKey(config)
  if (kept !== undefined && (await isActive(db, kept))) {
    await findSandbox(db, urls.sandbox_url)
    return kept
  }
  const key = await localRuntimeKey(db, config, urls.sandbox_url)
  await writeWhole(join(config.data_folder, KEY_FILE), `${key}\n`, 0o600)
  return key
}

/** The key of runtime `local` that lies in the data folder. */
export async function readLocalKey({ data_folder }: Config): Promise<string | undefined> {
  const text = await readFile(join(data_folder, KEY_FILE), 'utf8').catch(() => undefined)
  return text?.trim()
}

/** Somebody for whom `countersign run` may act on this machine. */
export interface LocalPerson {
  email: string
  /** They have authorized runtime `local` at the sandbox forge. */
  authorized: boolean
}

/** One of those who have authorized it, if there are any; undefined: nobody has an account. */
export async function localPerson(db: Db, sandbox_url: string): Promise<LocalPerson | undefined> {
  return await db
    .selectFrom('people')
    .select((person) => [
      'email',
      person
        .exists(
          person
            .selectFrom('authorizations')
            .innerJoin('runtimes', 'runtimes.id', 'authorizations.runtime_id')
            .innerJoin('providers', 'providers.id', 'authorizations.provider_id')
            .select('authorizations.id')
            .whereRef('authorizations.owner_id', '=', 'people.id')
            .where('runtimes.name', '=', NAME)
            .where('providers.base_url', '=', sandbox_url),
        )
        .$castTo<boolean>()
        .as('authorized'),
    ])
    .orderBy('authorized', 'desc')
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirst()
}

/** The key may be one of another database, or have been rotated since. */
async function isActive(db: Db, key: string): Promise<boolean> {
  const row = await activeKeys(db).where('hash', '=', hashRuntimeKey(key)).executeTakeFirst()
  return row !== undefined
}

function activeKeys(db: Db) {
  return db
    .selectFrom('runtime_keys')
    .select('id')
    .where(sql<boolean>`(expires_at is null or expires_at > now())`)
}

async function localRuntimeKey(db: Db, config: Config, sandbox_url: string): Promise<string> {
  const sandbox_id = await findSandbox(db, sandbox_url)
  const runtime = await db
    .selectFrom('runtimes')
    .select(['id', 'name'])
    .where('name', '=', NAME)
    .executeTakeFirst()
  if (runtime !== undefined) return await replaceLostKey(db, runtime)
  const { key } = await createRuntime(db, {
    actor: setupActor,
    ip: null,
    name: NAME,
    description: 'This machine',
    provider_ids: [sandbox_id ?? (await registerSandbox(db, config, sandbox_url))],
  })
  return key
}

/** Of two keys that are not here, the older one makes room: without a key this start ends. */
async function replaceLostKey(db: Db, runtime: { id: string; name: string }): Promise<string> {
  const request = { actor: setupActor, ip: null, runtime }
  const [oldest, ...more] = await activeKeys(db)
    .where('runtime_id', '=', runtime.id)
    .orderBy('created_at')
    .execute()
  if (oldest !== undefined && more.length > 0) {
    await revokeRuntimeKey(db, { ...request, key_id: oldest.id })
  }
  return await rotateRuntimeKey(db, request)
}

/** The sandbox forge where it is registered, also under the address it had at an earlier start. */
async function findSandbox(db: Db, sandbox_url: string): Promise<string | undefined> {
  const { origin } = new URL(sandbox_url)
  const known = await db
    .selectFrom('providers')
    .select(['id', 'origin'])
    .where('kind', '=', 'gitea')
    .where((row) => row.or([row('origin', '=', origin), row('name', '=', SANDBOX_NAME)]))
    .execute()
  const here = known.find((provider) => provider.origin === origin)
  const [moved] = known.filter((provider) => isLoopback(provider.origin))
  if (here !== undefined || moved === undefined) return here?.id
  await moveProvider(db, { actor: setupActor, ip: null, id: moved.id, base_url: sandbox_url })
  return moved.id
}

/** Only what ran on this machine can have moved on it. */
function isLoopback(origin: string): boolean {
  return /^(127(\.\d+){3}|\[::1\]|localhost)$/.test(new URL(origin).hostname)
}

async function registerSandbox(db: Db, config: Config, sandbox_url: string): Promise<string> {
  await using outbound = openOutbound({ timeout_ms: config.provider_timeout_ms })
  const provider = await createProvider(db, outbound, {
    actor: setupActor,
    ip: null,
    kind: 'gitea',
    name: SANDBOX_NAME,
    base_url: sandbox_url,
    private_address_confirmed: true,
  })
  return provider.id
}

async function writeWhole(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.new`
  {
    await using file = await open(draft, 'w', mode)
    await file.writeFile(text)
    await file.sync()
  }
  await rename(draft, path)
}
