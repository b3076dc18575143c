import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { sql } from 'kysely'
import { type Database, openDatabase } from '../src/store/database.ts'
import { startEmbeddedPostgres } from '../src/store/embedded.ts'
import { type Keyring, openKeyring } from '../src/vault/keyring.ts'
import { lifetimeOf, tokenSetText } from '../src/vault/token-set.ts'
import { startCountersign } from '../test/harness/countersign.ts'
import { type Program, temporaryFolder } from './programs.ts'
import { firstRefreshToken } from './token-server.ts'
import { startVault } from './vault.ts'

/** An installation in which people authorized by OAuth2, on PostgreSQL as `countersign up` has it. */
export interface GrantInstallation extends AsyncDisposable {
  database: Database
  /** Process id of PostgreSQL, and where it keeps its data. */
  postgres: { pid: number }
  keyring: Keyring
  runtime: { id: string; key: string }
  /** One for each token server. */
  hosts: Host[]
  /** Starts a vault process that ends with this. */
  vault(): Promise<Program & { url: string }>
}

export interface Host {
  provider_id: string
  client_row_id: string
}

/** @param urls of the token servers */
export async function startGrantInstallation(urls: readonly string[]): Promise<GrantInstallation> {
  await using resources = new AsyncDisposableStack()
  const folder = resources.use(await temporaryFolder())
  const postgres = resources.use(await startEmbeddedPostgres({ folder: join(folder.path, 'pg') }))
  const { url } = postgres
  const { vault_key, runtime, hosts } = await register(url, urls)
  // A million rows take their time.
  const database = resources.use(openDatabase(url, { max: 4, onError: () => {}, answer_ms: null }))
  const vaults = resources.use(new AsyncDisposableStack())
  let started = 0
  const kept = resources.move()
  return {
    database,
    postgres,
    keyring: await openKeyring(database.db, vault_key),
    runtime,
    hosts,
    async vault() {
      started += 1
      return vaults.use(await startVault(url, vault_key, join(folder.path, `vault-${started}`)))
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** As an administrator would: hosts, their apps, and a runtime that uses all of them. */
async function register(database_url: string, urls: readonly string[]) {
  await using countersign = await startCountersign({ database_url })
  const { admin, vault_key } = countersign
  const hosts: Host[] = []
  for (const base_url of urls) {
    const { id: provider_id } = await admin.api.createProvider({
      body: {
        kind: 'gitea',
        name: `Host ${hosts.length + 1}`,
        base_url,
        private_address_confirmed: true,
      },
    })
    const { id: client_row_id } = await admin.api.getClientForm({ query: { provider_id } })
    await admin.api.putClient({
      body: { id: client_row_id, provider_id, client_id: 'bench', client_secret: 'bench' },
    })
    hosts.push({ provider_id, client_row_id })
  }
  const provider_ids = hosts.map(({ provider_id }) => provider_id)
  const { runtime, key } = await admin.api.createRuntime({ body: { name: 'bench', provider_ids } })
  return { vault_key, hosts, runtime: { id: runtime.id, key } }
}

/** Somebody's grant at a host. */
export interface Granted {
  owner_id: string
  email: string
  connection_id: string
}

/**
 * Makes `many` people who have authorized the runtime at `host`, each with a token set in a real
 * box, granted at `issued_at(index)` for `lifetime` seconds.
 */
export async function grantTo(
  { database: { db }, keyring, runtime }: GrantInstallation,
  { provider_id, client_row_id }: Host,
  grants: { many: number; lifetime: number; issued_at: (index: number) => Date },
): Promise<Granted[]> {
  const made: Granted[] = []
  for (let start = 0; start < grants.many; start += CHUNK) {
    const chunk = Array.from({ length: Math.min(CHUNK, grants.many - start) }, () => {
      const owner_id = randomUUID()
      return { owner_id, email: `${owner_id}@example.com`, connection_id: randomUUID() }
    })
    const owner_ids = chunk.map(({ owner_id }) => owner_id)
    await sql`insert into people (id, name, email, role)
      select id, 'Somebody', id || '@example.com', 'member'
      from unnest(${owner_ids}::uuid[]) id`.execute(db)
    const rows = await Promise.all(
      chunk.map(async ({ owner_id, connection_id: id }, index) => {
        const tokens = {
          access_token: `access.${owner_id}.0`,
          refresh_token: firstRefreshToken(owner_id),
        }
        const address = { purpose: 'token_set', row_id: id, owner_id, provider_id } as const
        const answer = {
          ...tokens,
          expires_in: grants.lifetime,
          refresh_token_expires_in: null,
        }
        return {
          id,
          owner_id,
          provider_id,
          client_row_id,
          method: 'oauth' as const,
          box: await keyring.seal(address, tokenSetText(tokens)),
          fingerprint: keyring.fingerprint(tokens.access_token),
          status: 'valid' as const,
          account_id: '1',
          account_login: 'alice',
          account_name: 'Alice',
          scopes: ['read:user', 'write:repository'],
          missing_scopes: [],
          ...lifetimeOf(answer, grants.issued_at(start + index), Math.random()),
        }
      }),
    )
    await db.insertInto('connections').values(rows).execute()
    await sql`insert into authorizations (owner_id, runtime_id, provider_id, connection_id)
      select owner_id, ${runtime.id}, provider_id, id from connections
      where id = any(${chunk.map((one) => one.connection_id)}::uuid[])`.execute(db)
    made.push(...chunk)
  }
  return made
}

const CHUNK = 500

/** Says that something changed, as every change does: schedulers look what is due. */
export async function wakeSchedulers({ database }: GrantInstallation): Promise<void> {
  const change = JSON.stringify({ name: 'access', owner_id: null, id: randomUUID() })
  await sql`select pg_notify('countersign_changes', ${change})`.execute(database.db)
}
