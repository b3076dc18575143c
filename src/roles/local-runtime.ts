import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { setupActor } from '../policy/decide.ts'
import { openOutbound } from '../providers/http.ts'
import { createProvider } from '../registrations/providers.ts'
import { rotateRuntimeKey } from '../runtimes/keys.ts'
import { createRuntime } from '../runtimes/runtimes.ts'
import type { Db } from '../store/database.ts'

const NAME = 'local'

/**
 * Registers this machine as runtime `local`, with the sandbox forge, at the first start, and
 * leaves its key and `agent.json` where `countersign run` looks for them.
 *
 * @returns the runtime key
 */
export async function prepareLocalRuntime(
  db: Db,
  config: Config,
  urls: { vault_url: string; sandbox_url: string },
): Promise<string> {
  const keyFile = 'runtime-local.key'
  const settings = {
    server_url: config.page_url,
    vault_url: urls.vault_url,
    runtime_key_file: keyFile,
  }
  await writeWhole(
    join(config.data_folder, 'agent.json'),
    `${JSON.stringify(settings, null, 2)}\n`,
    0o644,
  )
  const path = join(config.data_folder, keyFile)
  const kept = await readFile(path, 'utf8').catch(() => undefined)
  if (kept !== undefined) return kept.trim()
  const key = await localRuntimeKey(db, config, urls.sandbox_url)
  await writeWhole(path, `${key}\n`, 0o600)
  return key
}

async function localRuntimeKey(db: Db, config: Config, sandbox_url: string): Promise<string> {
  const runtime = await db
    .selectFrom('runtimes')
    .select(['id', 'name'])
    .where('name', '=', NAME)
    .executeTakeFirst()
  if (runtime !== undefined) {
    return await rotateRuntimeKey(db, { actor: setupActor, ip: null, runtime })
  }
  const { key } = await createRuntime(db, {
    actor: setupActor,
    ip: null,
    name: NAME,
    description: 'This machine',
    provider_ids: [await sandboxProvider(db, config, sandbox_url)],
  })
  return key
}

async function sandboxProvider(db: Db, config: Config, sandbox_url: string): Promise<string> {
  const known = await db
    .selectFrom('providers')
    .select('id')
    .where('origin', '=', new URL(sandbox_url).origin)
    .executeTakeFirst()
  if (known !== undefined) return known.id
  await using outbound = openOutbound({ timeout_ms: config.provider_timeout_ms })
  const provider = await createProvider(db, outbound, {
    actor: setupActor,
    ip: null,
    kind: 'gitea',
    name: 'Sandbox forge',
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
