import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import type { Provider } from '../../src/contract/index.ts'
import { enqueueBehind } from '../../src/jobs/queue.ts'
import { openKeyring } from '../../src/vault/keyring.ts'
import { tokenSetText } from '../../src/vault/token-set.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { type Forge, startForge } from '../harness/forge.ts'
import { wakeScheduler } from '../harness/granted.ts'
import { registerStandIn } from '../harness/stand-in.ts'
import { until } from '../harness/until.ts'
import { startGithub } from '../standins/github/github.ts'

const ACCOUNT = '/api/v1/user'

test('a host that does not answer holds up no token of another, however much is due there', async () => {
  await using countersign = await startCountersign({
    env: { COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: '120' },
  })
  const { admin, provider, forge, database } = countersign
  await using hanging = await startForge()
  const second = await register(countersign, hanging)
  const ids = await tokensAt(countersign, second, hanging, 100)
  await hanging.control('POST', '/control/faults', { kind: 'delay', delay_ms: 600_000 })
  await sql`update connections set check_due_at = now()`.execute(database.db)
  for (const id of ids) await enqueueBehind(database.db, 'check-connection', id)
  await wakeScheduler(countersign)
  await until('eight checks', async () => (await hanging.calls(ACCOUNT)) >= 8)

  const { runtime } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  assert.equal((await admin.addToken(row, await forge.token())).status, 'accepted')
  assert.equal((await admin.checkNow(runtime.id)).status, 'valid')
  const { asked } = await database.db
    .selectFrom('connections')
    .select(sql<string>`count(coalesce(checked_at, check_failed_at))`.as('asked'))
    .where('provider_id', '=', second.id)
    .executeTakeFirstOrThrow()
  assert.equal(asked, '0', 'all of them are still waited for')
  assert.equal(await hanging.calls(ACCOUNT), 8, 'and not more are tried at once')
})

test('a host that says 429 to a check is asked by no vault until then, but by people', async () => {
  await using countersign = await startCountersign({ vaults: 2 })
  const { admin, provider, forge, database } = countersign
  const { runtime } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  await admin.addToken(row, await forge.token())
  const ids = await tokensAt(countersign, provider, forge, 1)
  await forge.control('DELETE', '/control/calls')
  const limited = { kind: 'status', status: 429, retry_after: 3600, times: 1 }
  await forge.control('POST', '/control/faults', { match: ACCOUNT, ...limited })
  await using events = await admin.events()
  await sql`update connections set check_due_at = now() where id = ${ids[0]}`.execute(database.db)
  await wakeScheduler(countersign)
  const next = await events.until(async () => {
    const { rows } = await sql<{ wait: number; reason: string }>`
      select extract(epoch from check_due_at - now())::float8 as wait,
        check_failed_reason as reason
      from connections where id = ${ids[0]} and check_failed_at is not null`.execute(database.db)
    return rows[0]
  })
  assert.ok(next.wait > 3500, `again in ${next.wait} s`)
  assert.match(next.reason, /asks us to wait/)
  const { rows } = await sql`select lane, slowness from provider_paces
    where paused_until > now()`.execute(database.db)
  assert.deepEqual(rows, [{ lane: 'checks', slowness: 1.25 }], 'tokens are refreshed as ever')

  await enqueueBehind(database.db, 'check-connection', ids[0] ?? '')
  await until('the end of all jobs', async () => {
    const { rows } = await sql`select from graphile_worker.jobs`.execute(database.db)
    return rows.length === 0
  })
  assert.equal(await forge.calls(ACCOUNT), 1)
  assert.equal((await admin.checkNow(runtime.id)).status, 'valid')
  assert.equal(await forge.calls(ACCOUNT), 2)
})

test('a person whose own allowance at a host is used up keeps no check from others', async () => {
  await using countersign = await startCountersign()
  const { admin, database } = countersign
  const github = await startGithub()
  after(() => github.close())
  const { runtime } = await registerStandIn(countersign, 'github', github)
  const [first, second] = [(await runtime('first')).row, (await runtime('second')).row]
  for (const [row, login] of [
    [first, 'carol'],
    [second, 'dave'],
  ] as const) {
    const token = github.makeToken(login, { kind: 'classic', scopes: ['repo'] })
    assert.equal((await admin.addToken(row, token)).status, 'accepted')
  }
  const reset = String(Math.ceil(Date.now() / 1000) + 3600)
  github.interruption = {
    status: 403,
    headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': reset },
    body: { message: 'API rate limit exceeded for user ID 1.' },
  }
  await using events = await admin.events()
  const due = async ({ runtime_id }: typeof first) => {
    const before = (await admin.access(runtime_id)).authorization?.connection
    await sql`update connections set check_due_at = now() where id = ${before?.id}`.execute(
      database.db,
    )
    await wakeScheduler(countersign)
    return await events.until(async () => {
      const now = (await admin.access(runtime_id)).authorization?.connection
      const moved = now?.checked_at !== before?.checked_at || now?.check_failed !== null
      return moved ? now : undefined
    })
  }
  assert.match((await due(first))?.check_failed?.reason ?? '', /asks us to wait/)
  github.interruption = undefined
  assert.equal((await due(second))?.check_failed, null)
})

test('a check that a person waits for stays in front when one that nobody waits for comes', async () => {
  await using countersign = await startCountersign()
  const { admin, provider, forge, database } = countersign
  const { runtime } = await countersign.runtime()
  await admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, await forge.token())
  await countersign.stopVaults()
  const { authorization } = await admin.access(runtime.id)
  const id = authorization?.connection.id ?? ''
  const { db } = database
  const waiting = async () =>
    (await sql`select priority, queue_name from graphile_worker.jobs`.execute(db)).rows
  await enqueueBehind(db, 'check-connection', id)
  await admin.api.checkConnection({ params: { id } })
  assert.deepEqual(await waiting(), [{ priority: 0, queue_name: null }])
  await enqueueBehind(db, 'check-connection', id)
  assert.deepEqual(await waiting(), [{ priority: 0, queue_name: null }])
})

async function register({ admin }: Countersign, { url }: Forge): Promise<Provider> {
  const address = { base_url: url, private_address_confirmed: true }
  return await admin.api.createProvider({ body: { kind: 'gitea', name: 'Second', ...address } })
}

/** So many tokens of the administrator, in custody as if they had been pasted one by one. */
async function tokensAt(
  { admin, database, vault_key }: Countersign,
  { id: provider_id }: Provider,
  forge: Forge,
  many: number,
): Promise<string[]> {
  const keyring = await openKeyring(database.db, vault_key)
  const access_token = await forge.token()
  const owner_id = admin.person.id
  const ids = Array.from({ length: many }, () => randomUUID())
  for (const id of ids) {
    const address = { purpose: 'token_set', row_id: id, owner_id, provider_id } as const
    const text = tokenSetText({ access_token, refresh_token: null })
    await database.db
      .insertInto('connections')
      .values({
        id,
        owner_id,
        provider_id,
        box: await keyring.seal(address, text),
        fingerprint: keyring.fingerprint(access_token),
        status: 'valid',
        account_id: '1',
        account_login: 'alice',
        account_name: 'Alice',
        account_email: null,
        account_avatar_url: null,
        scopes: [],
        missing_scopes: [],
      })
      .execute()
  }
  return ids
}
