import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { hashSecret, newSecret } from '../../src/policy/issued-secret.ts'
import { sealBox } from '../../src/seal/box.ts'
import { generateVaultKey } from '../../src/seal/keys.ts'
import { openDatabase } from '../../src/store/database.ts'
import { runMigrations as migrateQueue } from '../../src/store/queue-library.ts'
import { tokenSetAddress, tokenSetText } from '../../src/vault/token-set.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { startForge } from '../harness/forge.ts'
import { testDatabase } from '../harness/postgres.ts'

/*
 * What each earlier version wrote, in the form that it had then, goes through every migration that
 * came after it. A new migration that changes a table which is not here yet adds a row of it.
 */

const MIGRATIONS = join(import.meta.dirname, '../../src/store/migrations')

const test_database = await testDatabase()
after(() => test_database[Symbol.asyncDispose]())
const forge = await startForge()
after(() => forge[Symbol.asyncDispose]())

const vault_key = await generateVaultKey()
const runtime_key = newSecret('csr_')
const [grace, henry, provider, runtime, client, pasted, granted, own] = Array.from(
  { length: 8 },
  () => randomUUID(),
) as [string, string, string, string, string, string, string, string]
const tokens = { grace: await forge.token(), henry: await forge.token(), own: await forge.token() }

const boxOf = (id: string, owner_id: string, access_token: string) =>
  sealBox(
    vault_key,
    tokenSetAddress({ id, owner_id, provider_id: provider }),
    tokenSetText({ access_token, refresh_token: null }),
  )

/** By the migration after which they could be written. */
const written: Record<string, () => Promise<ReturnType<typeof sql>[]>> = {
  '0001-first-push': async () => [
    sql`insert into vault_keys (key_id, public_key) values (${vault_key.key_id}, ${vault_key.public_key})`,
    sql`insert into people (id, name, email, role) values
      (${grace}, 'Grace', 'grace@example.com', 'member'), (${henry}, 'Henry', 'henry@example.com', 'member')`,
    sql`insert into invites (token_hash, role, expires_at)
      values ('\\x00', 'member', now() + interval '1 day')`,
    sql`insert into providers (id, kind, name, base_url, origin, private_address_confirmed)
      values (${provider}, 'gitea', 'Old forge', ${forge.url}, ${forge.url}, true)`,
    sql`insert into runtimes (id, name, description) values (${runtime}, 'builder', '')`,
    sql`insert into runtime_keys (runtime_id, hash, hint)
      values (${runtime}, ${hashSecret(runtime_key)}, 'abcd')`,
    sql`insert into runtime_providers (runtime_id, provider_id) values (${runtime}, ${provider})`,
    sql`insert into connections (id, owner_id, provider_id, box, fingerprint, status, account_id,
        account_login, account_name, scopes, missing_scopes)
      values (${pasted}, ${grace}, ${provider}, ${await boxOf(pasted, grace, tokens.grace)}, '\\x01', 'valid',
        '1', 'alice', 'Alice', '{read:user,write:repository}', '{}')`,
    sql`insert into authorizations (owner_id, runtime_id, provider_id, connection_id)
      values (${grace}, ${runtime}, ${provider}, ${pasted})`,
    sql`insert into candidates (id, owner_id, runtime_id, provider_id, status, notes)
      values (gen_random_uuid(), ${grace}, ${runtime}, ${provider}, 'accepted', '{}')`,
    sql`insert into audit (actor_kind, actor_id, actor_name, action, outcome, subject)
      values ('person', ${grace}, 'Grace', 'authorization.create', 'allowed', 'builder')`,
  ],
  '0002-oauth': async () => [
    sql`insert into clients (id, provider_id, client_id, client_secret_box)
      values (${client}, ${provider}, 'app', 'csb1')`,
    sql`update runtime_providers set auth_mode = 'default_client'`,
    sql`insert into connections (id, owner_id, provider_id, box, fingerprint, status, account_id,
        account_login, account_name, scopes, missing_scopes, method, client_row_id, access_issued_at,
        access_expires_at)
      values (${granted}, ${henry}, ${provider}, ${await boxOf(granted, henry, tokens.henry)}, '\\x02', 'valid',
        '1', 'alice', 'Alice', '{}', '{}', 'oauth', ${client}, now(), now() + interval '1 day')`,
    sql`insert into authorizations (owner_id, runtime_id, provider_id, connection_id)
      values (${henry}, ${runtime}, ${provider}, ${granted})`,
    sql`insert into authorization_requests (id, state_hash, session_hash, owner_id, runtime_id,
        provider_id, client_row_id, redirect_uri, scopes, status, expires_at)
      values (gen_random_uuid(), '\\x03', '\\x04', ${henry}, ${runtime}, ${provider}, ${client}, '', '{}',
        'completed', now())`,
    sql`insert into revocations (id, owner_id, provider_id, client_row_id, account_login, box)
      values (gen_random_uuid(), ${grace}, ${provider}, ${client}, 'alice', 'csb1')`,
  ],
  '0003-runtime-token': async () => [
    sql`insert into connections (id, owner_id, owner_kind, provider_id, box, fingerprint, status,
        account_id, account_login, account_name, scopes, missing_scopes)
      values (${own}, ${runtime}, 'runtime', ${provider}, ${await boxOf(own, runtime, tokens.own)}, '\\x05',
        'valid', '1', 'alice', 'Alice', '{}', '{}')`,
  ],
}

test('what an earlier version wrote is there after all migrations since, and gives credentials', async () => {
  const { url } = test_database
  await using database = openDatabase(url, { max: 2, onError: () => {} })
  const names = readdirSync(MIGRATIONS)
    .map((file) => file.replace(/\.ts$/, ''))
    .toSorted()
  const found: Record<string, Migration> = {}
  for (const name of names) found[name] = await import(join(MIGRATIONS, `${name}.ts`))
  const migrator = new Migrator({
    db: database.db,
    provider: { getMigrations: async () => found },
  })
  await migrateQueue({ pgPool: database.pool })
  for (const name of names) {
    const { error } = await migrator.migrateTo(name)
    assert.equal(error, undefined, name)
    for (const row of (await written[name]?.()) ?? []) await row.execute(database.db)
  }

  await using countersign = await startCountersign({
    database_url: url,
    vault_key: vault_key.private_key,
  })
  const runtimes = runtimeClient(countersign.vault_url, runtime_key)
  const host = new URL(forge.url).host
  const passwordFor = async (who: { person: string } | { as_runtime: true }) =>
    (await runtimes.issueCredential({ body: { ...who, protocol: 'http', host } })).password
  assert.equal(await passwordFor({ person: 'grace@example.com' }), tokens.grace)
  assert.equal(await passwordFor({ person: 'henry@example.com' }), tokens.henry)
  assert.equal(await passwordFor({ as_runtime: true }), tokens.own)
  const { items } = await countersign.admin.api.listAudit({ query: { limit: 100 } })
  assert.ok(items.some(({ subject }) => subject === 'builder'))
})

test('what refers to a row is found by an index, so that the row can be removed at any size', async () => {
  await using countersign = await startCountersign()
  const { rows } = await sql<{ name: string }>`
    select conname as name from pg_constraint reference
    where contype = 'f' and connamespace = 'public'::regnamespace and not exists (
      select from pg_index where indrelid = reference.conrelid
        and (indkey::int2[])[0:cardinality(reference.conkey) - 1] @> reference.conkey)
    `.execute(countersign.database.db)
  assert.deepEqual(rows, [])
})
