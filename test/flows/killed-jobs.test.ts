import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { unlockJobsOf, workersWithoutLife } from '../../src/jobs/worker-life.ts'
import { startCountersign } from '../harness/countersign.ts'
import { ALICE, TOKEN_ENDPOINT } from '../harness/granted.ts'
import { answerAtForge, beginOAuth, comeBack, registerClient } from '../harness/oauth.ts'
import { startVaultProcess, type VaultProcess } from '../harness/vault-process.ts'

/*
 * A vault is killed (SIGKILL) while a Git host makes it wait: somebody's pasted token is being
 * checked, or their code exchanged. The queue alone would keep both for four hours. Another vault,
 * which was there already or comes later, brings them to an end.
 */

/** How soon it must be over; the queue alone takes 14,400 seconds. */
const DEADLINE_MS = 180_000
const WHOAMI = '/api/v1/user'
/** What the adapter asks about one token. */
const LOOK = [`GET ${WHOAMI}`, 'GET /api/v1/notifications']

const countersign = await startCountersign({ vaults: 0 })
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, provider } = countersign
const folder = await mkdtempDisposable(join(tmpdir(), 'countersign-killed-jobs-'))
after(() => folder.remove())

let vaults = 0
const startVault = () => {
  vaults += 1
  return startVaultProcess({
    database_url: database.url,
    data_folder: join(folder.path, `vault-${vaults}`),
    vault_key: countersign.vault_key,
    page_url: countersign.page_url,
    env: {
      NODE_COMPILE_CACHE: join(folder.path, 'compiled'),
      // However long another one takes to start.
      COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: '600',
    },
  })
}

/** Lets the forge keep a vault waiting at `path`, and kills that vault there. */
async function killAt(path: string, victim: VaultProcess, other: 'before' | 'after') {
  await until(async () => (await forge.calls(path)) === 1)
  const standby = other === 'before' ? await startVault() : undefined
  await victim.kill()
  return standby ?? (await startVault())
}

const hold = async (path: string) => {
  await forge.control('DELETE', '/control/calls')
  return await forge.hold(path)
}

const seen = async () => {
  const { calls } = (await forge.control('GET', '/control/calls')) as {
    calls: { method: string; path: string }[]
  }
  return calls.map(({ method, path }) => `${method} ${path}`)
}

const locked = async () => {
  const { rows } = await sql<{ found: number }>`select count(*)::int as found
    from graphile_worker.jobs where locked_at is not null`.execute(database.db)
  return rows[0]?.found
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, 'it did not come so far')
    await pause(50)
  }
}

/** A runtime whose people authorize with OAuth2; the browser is on its way back with a code. */
async function allowed() {
  const { runtime } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const token = await forge.token('alice', ['all'])
  const client = await registerClient(admin, { url: forge.url, token }, row)
  const begun = await beginOAuth(admin, row)
  const callback = await answerAtForge(begun.authorization_url, ALICE)
  return { ...begun, client, callback }
}

async function ended(id: string) {
  let request = await admin.api.getAuthorizationRequest({ params: { id } })
  await until(async () => {
    request = await admin.api.getAuthorizationRequest({ params: { id } })
    return request.status !== 'exchanging'
  })
  return request
}

suite('when a vault is killed', () => {
  for (const other of ['before', 'after'] as const) {
    const when = `one that started ${other} that`

    test(`a pasted token is checked by ${when}`, async () => {
      const victim = await startVault()
      const { runtime } = await countersign.runtime()
      const token = await forge.token()
      await hold(WHOAMI)
      const checked = admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, token)
      await using _ = await killAt(WHOAMI, victim, other)
      const late = pause(DEADLINE_MS, undefined, { ref: false })
      const candidate = await Promise.race([checked, late])
      assert.equal(candidate?.status, 'accepted')
      assert.deepEqual(await seen(), [`GET ${WHOAMI}`, ...LOOK])
      assert.equal((await admin.access(runtime.id)).authorization?.connection.status, 'valid')
      await until(async () => (await locked()) === 0)
    })

    test(`a code is exchanged by ${when}`, async () => {
      const victim = await startVault()
      const { request, callback } = await allowed()
      await hold(TOKEN_ENDPOINT)
      await comeBack(callback, admin.cookie)
      await using _ = await killAt(TOKEN_ENDPOINT, victim, other)
      const done = await ended(request.id)
      assert.equal(done.status, 'completed', done.problem?.detail)
      const exchange = `POST ${TOKEN_ENDPOINT}`
      assert.deepEqual(await seen(), [exchange, exchange, ...LOOK])
      await until(async () => (await locked()) === 0)
    })
  }

  test('a code that the forge has taken from it is not taken twice, and the person is told', async () => {
    const victim = await startVault()
    const { request, callback, client, code_verifier } = await allowed()
    const held = await hold(TOKEN_ENDPOINT)
    await comeBack(callback, admin.cookie)
    await held.asked()
    await victim.kill()
    const { client_id, client_secret } = client
    const code = new URL(callback).searchParams.get('code') ?? ''
    const redirect_uri = callback.split('?')[0] ?? ''
    const grant_type = 'authorization_code'
    const form = { client_id, client_secret, grant_type, code, redirect_uri, code_verifier }
    const body = new URLSearchParams(form)
    const taken = await fetch(forge.url + TOKEN_ENDPOINT, { method: 'POST', body })
    assert.equal(taken.status, 200)
    await using _ = await startVault()
    const done = await ended(request.id)
    assert.equal(done.status, 'refused')
    assert.match(done.problem?.type ?? '', /:authorization-failed$/)
    assert.match(done.problem?.detail ?? '', /used already or took too long\. Nothing was changed/)
    assert.equal(await forge.calls(TOKEN_ENDPOINT), 3)
    await until(async () => (await locked()) === 0)
  })

  test('another one that only lost its connection keeps its jobs', async () => {
    await using _ = await startVault()
    const { runtime } = await countersign.runtime()
    const token = await forge.token()
    const held = await hold(WHOAMI)
    const checked = admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, token)
    await held.asked()
    const { id } = await database.db
      .selectFrom('job_workers')
      .select('id')
      .executeTakeFirstOrThrow()
    // With a time, so that it is over when the answer comes, and its lock is free.
    await sql`select pg_terminate_backend(pid, 60000) from pg_stat_activity
      where application_name = 'countersign worker' and datname = current_database()`.execute(
      database.db,
    )
    await until(async () => (await workersWithoutLife(database.db)).length === 0)
    assert.deepEqual(await unlockJobsOf(database.db, [id]), [])
    await held.release()
    assert.equal((await checked).status, 'accepted')
    assert.deepEqual(await seen(), LOOK)
  })
})
