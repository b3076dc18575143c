import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import {
  ageFailure,
  authorized,
  connectionOf,
  endAccess,
  TOKEN_ENDPOINT,
} from '../harness/granted.ts'
import { refusal } from '../harness/problems.ts'
import { startVaultProcess } from '../harness/vault-process.ts'

/*
 * The clock of the machine that a vault runs on is wrong by an hour. What is stored is compared with
 * the database's clock only (ADR 21), so such a vault does as all others do, and the others can live
 * with what it wrote.
 */

const HOUR = 3600
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { forge, admin, database } = countersign
const { ask, row } = await authorized(countersign)

for (const [name, shift] of [
  ['ahead', HOUR],
  ['behind', -HOUR],
] as const) {
  suite(`a vault whose clock is an hour ${name}`, async () => {
    const folder = await mkdtempDisposable(join(tmpdir(), 'countersign-clock-'))
    const vault = await startVaultProcess({
      database_url: database.url,
      data_folder: folder.path,
      vault_key: countersign.vault_key,
      page_url: countersign.page_url,
      preload: join(import.meta.dirname, '..', 'harness', 'shifted-clock.ts'),
      env: { CLOCK_SHIFT_SECONDS: String(shift) },
    })
    after(async () => {
      await vault[Symbol.asyncDispose]()
      await folder.remove()
    })

    /** Insists on an access token that ends an hour from now, and is seen so by everybody. */
    async function assertFresh(): Promise<void> {
      const { rows } = await sql<{ left: number; due: number }>`
        select extract(epoch from access_expires_at - now())::int as left,
          extract(epoch from refresh_due_at - now())::int as due
        from connections where method = 'oauth'`.execute(database.db)
      const [times] = rows
      assert.ok(times && times.left > HOUR - 60 && times.left <= HOUR, JSON.stringify(rows))
      assert.ok(times.due > HOUR / 2 && times.due < HOUR, JSON.stringify(rows))
      assert.equal((await admin.access(row.runtime_id)).authorization?.connection.status, 'valid')
    }

    test('hands out what is there, and refreshes only when it is time', async () => {
      const { version } = await connectionOf(countersign)
      await forge.control('DELETE', '/control/calls')
      const { password, password_expiry_utc } = await ask(vault.url)
      assert.equal((await ask()).password, password)
      assert.ok(Math.abs((password_expiry_utc ?? 0) - Date.now() / 1000) < HOUR + 60)
      assert.equal((await connectionOf(countersign)).version, version)
      assert.equal(await forge.calls(TOKEN_ENDPOINT), 0)
    })

    test('refreshes once at the end, and what it writes is right for all', async () => {
      await endAccess(countersign)
      await forge.control('DELETE', '/control/calls')
      const { password } = await ask(vault.url)
      await assertFresh()
      assert.equal((await ask(vault.url)).password, password)
      assert.equal((await ask()).password, password)
      assert.equal(await forge.calls(TOKEN_ENDPOINT), 1)
    })

    test('does not ask again and again while the forge is away', async () => {
      await endAccess(countersign)
      const fault = { match: TOKEN_ENDPOINT, kind: 'status', status: 503 }
      await forge.control('POST', '/control/faults', fault)
      await assert.rejects(ask(vault.url))
      const { rows } = await sql<{ wait: number }>`
        select extract(epoch from refresh_due_at - refresh_failed_at)::int as wait
        from connections where method = 'oauth'`.execute(database.db)
      const wait = rows[0]?.wait ?? 0
      assert.ok(wait > 5 && wait < 30, `tried again in ${wait} s`)
      await forge.control('DELETE', '/control/faults')
      await ageFailure(countersign)
      await ask(vault.url)
      await assertFresh()
    })

    test('hands out a token to its last minute, and not after it', async () => {
      const { runtime, key } = await countersign.runtime()
      const at = { runtime_id: runtime.id, provider_id: row.provider_id }
      const expires_at = new Date(Date.now() + (HOUR * 1000) / 2).toISOString()
      const token = await forge.token()
      const added = await admin.addToken(at, token, { expires_at })
      assert.equal(added.status, 'accepted', added.problem?.detail)
      assert.equal((await admin.checkNow(runtime.id)).status, 'expiring')
      const { host } = new URL(forge.url)
      const body = { person: admin.person.email, protocol: 'http', host } as const
      const client = runtimeClient(vault.url, key)
      assert.equal((await client.issueCredential({ body })).password, token)
      await sql`update connections set version = version + 1, expires_at = now() - interval '1 s'
        where method = 'token'`.execute(database.db)
      await refusal(client.issueCredential({ body }), 'credential-expired')
      const status = (await admin.access(runtime.id)).authorization?.connection.status
      assert.equal(status, 'expired')
      await admin.api.deleteRuntime({ params: { id: runtime.id } })
    })
  })
}

test('the time of a test of an app is right, where the only vault has a wrong clock', async () => {
  await using alone = await startCountersign({ vaults: 0 })
  await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-clock-'))
  await using vault = await startVaultProcess({
    database_url: alone.database.url,
    data_folder: folder.path,
    vault_key: alone.vault_key,
    page_url: alone.page_url,
    preload: join(import.meta.dirname, '..', 'harness', 'shifted-clock.ts'),
    env: { CLOCK_SHIFT_SECONDS: String(HOUR) },
  })
  assert.ok(vault.url)
  const query = { provider_id: alone.provider.id }
  const { id } = await alone.admin.api.getClientForm({ query })
  const body = { id, ...query, client_id: 'an-app', client_secret: 'a-secret' }
  await alone.admin.api.putClient({ body })
  await using events = await alone.admin.events()
  await alone.admin.api.testClient({ params: { id } })
  const { at } = await events.until(
    async () => (await alone.admin.api.getClientForm({ query })).client?.test ?? undefined,
  )
  const { rows } = await sql<{ ago: number }>`
    select extract(epoch from now() - ${at}::timestamptz)::int as ago`.execute(alone.database.db)
  assert.ok(Math.abs(rows[0]?.ago ?? HOUR) < HOUR / 2, `tested ${rows[0]?.ago} s ago`)
})
