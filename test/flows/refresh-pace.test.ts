import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { ProblemError } from '../../src/contract/index.ts'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { createProviderPace } from '../../src/vault/provider-pace.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import { type Forge, startForge } from '../harness/forge.ts'
import { ALICE, TOKEN_ENDPOINT, untilRefreshing } from '../harness/granted.ts'
import { authorizeWithOAuth, registerClient } from '../harness/oauth.ts'

/** So slow that no turn comes free while a test runs; ten at once, five of them for the patient. */
const SLOW = { most: 100, seconds: 360_000 }
const SECONDS_APART = 360_000 / 75

test('all vaults together take no more turns than a provider allows', async () => {
  await using countersign = await startCountersign()
  await using other = openDatabase(countersign.database.url, { max: 10, onError: () => {} })
  const paces = [countersign.database, other].map(({ db }) => createProviderPace(db, 'tokens'))
  const { id } = countersign.provider
  async function turns(urgent: boolean): Promise<number> {
    const waits = await Promise.all(
      Array.from({ length: 20 }, (_, index) => paces[index % 2]?.take(id, SLOW, urgent)),
    )
    return waits.filter((wait) => wait === 0).length
  }
  assert.equal(await turns(false), 5, 'the patient leave some')
  assert.equal(await turns(true), 5, 'the urgent take those')
  assert.equal(await turns(true), 0)
  const wait = await paces[1]?.take(id, SLOW, true)
  assert.ok(wait !== undefined && wait > 0 && wait <= SECONDS_APART * 1000, `wait ${wait} ms`)
})

test('who is told to stay away does, in every vault, and then goes slower', async () => {
  await using countersign = await startCountersign()
  await using other = openDatabase(countersign.database.url, { max: 10, onError: () => {} })
  const [here, there] = [countersign.database, other].map(({ db }) =>
    createProviderPace(db, 'tokens'),
  )
  const { id } = countersign.provider
  await Promise.all([here?.pause(id, 600), there?.pause(id, 600), here?.pause(id, 30)])
  const wait = (await there?.take(id, SLOW, true)) ?? 0
  assert.ok(wait > 500_000 && wait <= 600_000, `wait ${wait} ms`)

  assert.equal(await slownessOf(countersign.database), 1.25, 'told at once counts once')
  await endPause(countersign.database)
  assert.equal(await here?.take(id, SLOW, true), 0)
  const apart = (await secondsToFree(countersign.database)) / SECONDS_APART
  assert.ok(apart > 1.1 && apart <= 1.25, `${apart} times as far apart`)
  await sql`update provider_paces set slowed_at = now() - interval '1 day', free_at = now()`.execute(
    countersign.database.db,
  )
  assert.equal(await here?.take(id, SLOW, true), 0)
  assert.ok((await secondsToFree(countersign.database)) <= SECONDS_APART, 'as before after a while')
})

test('a host that says 429 is left alone until it said, and nothing is lost', async () => {
  await using countersign = await startCountersign({ vaults: 2 })
  const { forge, database } = countersign
  const ask = await authorized(countersign, forge, countersign.provider.id)
  const limited = { kind: 'status', status: 429, retry_after: 600 }
  await forge.control('POST', '/control/faults', { match: '/login/', ...limited })
  await sql`update connections set version = version + 1, access_expires_at = now(),
    refresh_due_at = null`.execute(database.db)
  for (const vault_url of countersign.vault_urls) {
    await assert.rejects(ask(vault_url), isProblem('provider-unavailable'))
  }
  assert.equal(await forge.calls(TOKEN_ENDPOINT), 1, 'only one of the vaults asked')
  await forge.control('DELETE', '/control/faults')
  await endPause(database)
  await ask(countersign.vault_url)
  assert.equal(await forge.calls(TOKEN_ENDPOINT), 2)
})

test('a host that does not answer holds up the refreshes of no other', async () => {
  await using countersign = await startCountersign({
    env: { COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: '600' },
  })
  const { admin, forge, database } = countersign
  await using second = await startForge()
  const { id } = await admin.api.createProvider({
    body: {
      kind: 'gitea',
      name: 'Second',
      base_url: second.url,
      private_address_confirmed: true,
    },
  })
  await authorized(countersign, forge, countersign.provider.id)
  await authorized(countersign, second, id)
  await forge.control('POST', '/control/faults', {
    match: TOKEN_ENDPOINT,
    kind: 'delay',
    delay_ms: 600_000,
  })
  await using events = await admin.events()
  await makeDue(database, countersign.provider.id)
  await wake(countersign)
  await untilRefreshing(forge)
  await makeDue(database, id)
  await wake(countersign)
  await events.until(async () => ((await versionAt(database, id)) > 1 ? true : undefined))
  assert.equal(await failuresAt(database, countersign.provider.id), 0, 'it is still waited for')
  assert.equal(await versionAt(database, countersign.provider.id), 1)
  // A vault that is stopped waits for what is under way.
  await forge.control('DELETE', '/control/faults')
})

test('changes that never cease put no refresh off', async () => {
  await using countersign = await startCountersign()
  const { admin, forge, provider, database } = countersign
  await authorized(countersign, forge, provider.id)
  await using events = await admin.events()
  let ceased = false
  async function change(): Promise<void> {
    while (!ceased) await wake(countersign)
  }
  const changing = change()
  await makeDue(database, provider.id)
  await events.until(async () => ((await versionAt(database, provider.id)) > 1 ? true : undefined))
  ceased = true
  await changing
})

/** Somebody who has authorized a new runtime. @returns asks a vault for their credential */
async function authorized(countersign: Countersign, forge: Forge, provider_id: string) {
  const { admin } = countersign
  const made = await admin.api.createRuntime({
    body: { name: `at-${new URL(forge.url).port}`, provider_ids: [provider_id] },
  })
  const row = { runtime_id: made.runtime.id, provider_id }
  await registerClient(admin, { url: forge.url, token: await forge.token('alice', ['all']) }, row)
  const done = await authorizeWithOAuth(admin, row, ALICE)
  assert.equal(done.status, 'completed', done.problem?.detail)
  await forge.control('DELETE', '/control/calls')
  const body = {
    person: 'ada@example.com',
    protocol: 'http',
    host: new URL(forge.url).host,
  } as const
  return (vault_url: string) => runtimeClient(vault_url, made.key).issueCredential({ body })
}

const isProblem = (type: string) => (error: unknown) =>
  error instanceof ProblemError && error.type === type

async function makeDue({ db }: Database, provider_id: string): Promise<void> {
  await sql`update connections set refresh_due_at = now()
    where provider_id = ${provider_id}`.execute(db)
}

async function wake({ admin, database }: Countersign): Promise<void> {
  const { id } = admin.person
  const change = JSON.stringify({ name: 'access', owner_id: id, id })
  await sql`select pg_notify('countersign_changes', ${change})`.execute(database.db)
}

async function versionAt({ db }: Database, provider_id: string): Promise<number> {
  const { version } = await db
    .selectFrom('connections')
    .select('version')
    .where('provider_id', '=', provider_id)
    .executeTakeFirstOrThrow()
  return version
}

async function failuresAt({ db }: Database, provider_id: string): Promise<number> {
  const { refresh_failures } = await db
    .selectFrom('connections')
    .select('refresh_failures')
    .where('provider_id', '=', provider_id)
    .executeTakeFirstOrThrow()
  return refresh_failures
}

async function endPause({ db }: Database): Promise<void> {
  await sql`update provider_paces set paused_until = now()`.execute(db)
  await sql`update connections set refresh_failed_at = null, refresh_failure = null`.execute(db)
}

async function slownessOf({ db }: Database): Promise<number> {
  const { slowness } = await db
    .selectFrom('provider_paces')
    .select('slowness')
    .executeTakeFirstOrThrow()
  return slowness
}

async function secondsToFree({ db }: Database): Promise<number> {
  const { rows } = await sql<{ seconds: number }>`
    select extract(epoch from free_at - now())::float8 as seconds from provider_paces`.execute(db)
  return rows[0]?.seconds ?? 0
}
