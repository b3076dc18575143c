import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { ProblemError } from '../../src/contract/index.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import {
  ALICE,
  ageClaim,
  ageFailure,
  authorized,
  connectionOf,
  endAccess,
  endGrant,
  type Granted,
  TOKEN_ENDPOINT,
  wakeScheduler,
} from '../harness/granted.ts'
import { authorizeWithOAuth } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { startVaultProcess, type VaultProcessSettings } from '../harness/vault-process.ts'

const isProblem = (type: string) => (error: unknown) =>
  error instanceof ProblemError && error.type === type

test('200 callers at two vaults at the moment of expiry cause one refresh', async () => {
  await using countersign = await startCountersign({ vaults: 2 })
  const { ask } = await authorized(countersign)
  await endAccess(countersign)
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => ask(countersign.vault_urls[index % 2])),
  )
  assert.equal(new Set(answers.map((answer) => answer.password)).size, 1)
  assert.equal(await countersign.forge.calls(TOKEN_ENDPOINT), 1)
})

test('a grant that is over at the forge is said to be, and only then', async () => {
  await using countersign = await startCountersign()
  const { ask, row } = await authorized(countersign)
  const { forge, admin } = countersign
  await forge.control('POST', '/control/faults', { match: '/login/', kind: 'status', status: 503 })
  await endAccess(countersign)
  await assert.rejects(ask(), isProblem('provider-unavailable'))
  const away = await connectionOf(countersign)
  assert.equal(away.status, 'valid')
  assert.ok(away.refresh_due_at, 'it is tried again')
  const denied = await countersign.database.db
    .selectFrom('audit')
    .select(['actor_kind', 'reason', 'runtime_id', 'owner_id', 'connection_id'])
    .where('action', '=', 'credential.issue')
    .where('outcome', '=', 'denied')
    .execute()
  const { id: connection_id, owner_id } = away
  const about = { runtime_id: row.runtime_id, owner_id, connection_id }
  assert.deepEqual(denied, [{ actor_kind: 'runtime', reason: 'provider-unavailable', ...about }])
  await forge.control('DELETE', '/control/faults')
  await ageFailure(countersign)
  await ask()
  assert.equal((await connectionOf(countersign)).check_failed_at, null)

  await endGrant(countersign)
  await endAccess(countersign)
  await assert.rejects(ask(), isProblem('reauthorization-required'))
  const { authorization } = await admin.access(row.runtime_id)
  assert.equal(authorization?.connection.status, 'reauthorization_required')
  await authorizeWithOAuth(admin, row, ALICE)
  await ask()
})

test('however many ask while a host is away, it is asked once in a while, and then as before', async () => {
  await using countersign = await startCountersign({ vaults: 2 })
  const { ask } = await authorized(countersign)
  const { forge, database, vault_urls } = countersign
  await forge.control('POST', '/control/faults', { match: '/login/', kind: 'status', status: 503 })
  await endAccess(countersign)
  await assert.rejects(ask(), isProblem('provider-unavailable'))
  const first = await connectionOf(countersign)
  // As long as it counts, that it failed: the asking takes no longer than this.
  await sql`update connections set refresh_failed_at = now() + interval '1 hour'`.execute(
    database.db,
  )
  for (let asked = 0; asked < 50; asked += 1) {
    await assert.rejects(ask(vault_urls[asked % 2]), isProblem('provider-unavailable'))
  }
  assert.equal(await forge.calls(TOKEN_ENDPOINT), 1)
  await sql`update connections set refresh_failed_at = now() - interval '6 seconds'`.execute(
    database.db,
  )
  await assert.rejects(ask(), isProblem('provider-unavailable'))
  assert.equal(await forge.calls(TOKEN_ENDPOINT), 2)
  const last = await connectionOf(countersign)
  assert.deepEqual([first.refresh_failures, last.refresh_failures], [1, 1])
  assert.deepEqual(last.refresh_due_at, first.refresh_due_at, 'the next try is not put off')
})

test('a client secret that became wrong marks no token bad', async () => {
  await using countersign = await startCountersign()
  const { ask, row } = await authorized(countersign)
  const { api } = countersign.admin
  const { provider_id } = row
  const form = await api.getClientForm({ query: { provider_id } })
  const client_id = form.client?.client_id ?? ''
  const wrong = { id: form.id, provider_id, client_id, client_secret: 'wrong' }
  const box = await countersign.database.db
    .selectFrom('clients')
    .select('client_secret_box')
    .executeTakeFirstOrThrow()
  await api.putClient({ body: wrong })
  await endAccess(countersign)
  await assert.rejects(ask(), isProblem('provider-unavailable'))
  const connection = await connectionOf(countersign)
  assert.equal(connection.status, 'valid')
  assert.match(connection.check_failed_reason ?? '', /OAuth app/)
  // As long as it counts, that it failed.
  await sql`update connections set refresh_failed_at = now() + interval '1 hour'`.execute(
    countersign.database.db,
  )
  const again = await refusal(ask(), 'provider-unavailable')
  assert.match(again.detail, /An administrator must mend it/)
  assert.equal(await countersign.forge.calls(TOKEN_ENDPOINT), 1)
  const client_secret_box = box.client_secret_box ?? ''
  await api.putClient({ body: { id: form.id, provider_id, client_id, client_secret_box } })
  await ask()
})

test('a credential says whether it lives as long as it was wanted to', async () => {
  await using countersign = await startCountersign()
  const { ask } = await authorized(countersign)
  const { forge, database, vault_url, admin, provider } = countersign
  const asked = async (min_ttl?: number) => {
    const { min_ttl_met, password } = await ask(vault_url, min_ttl === undefined ? {} : { min_ttl })
    return { min_ttl_met, password }
  }
  const { password } = await asked()
  assert.deepEqual(await asked(300), { min_ttl_met: true, password })
  assert.deepEqual(await asked(86_400), { min_ttl_met: false, password }, 'none lives for a day')
  assert.equal(await forge.calls(TOKEN_ENDPOINT), 0)

  await forge.control('POST', '/control/faults', { match: '/login/', kind: 'status', status: 503 })
  await sql`update connections set version = version + 1, refresh_due_at = null,
    access_issued_at = now() - interval '50 minutes',
    access_expires_at = now() + interval '10 minutes'`.execute(database.db)
  assert.deepEqual(await asked(1800), { min_ttl_met: false, password }, 'the host is away')
  assert.deepEqual(await asked(300), { min_ttl_met: true, password })
  assert.equal(await forge.calls(TOKEN_ENDPOINT), 1)

  const { runtime, key } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  assert.equal((await admin.addToken(row, await forge.token())).status, 'accepted')
  const { host } = new URL(forge.url)
  const body = { person: admin.person.email, protocol: 'http', host, min_ttl: 86_400 } as const
  const pasted = await runtimeClient(vault_url, key).issueCredential({ body })
  assert.deepEqual([pasted.password_expiry_utc, pasted.min_ttl_met], [null, true])
})

test('a refresh ahead of time needs nobody to ask for it', async () => {
  await using countersign = await startCountersign()
  await authorized(countersign)
  const before = await connectionOf(countersign)
  await using events = await countersign.admin.events()
  await sql`update connections set refresh_due_at = now() where id = ${before.id}`.execute(
    countersign.database.db,
  )
  await wakeScheduler(countersign)
  await events.until(async () =>
    (await connectionOf(countersign)).version > before.version ? true : undefined,
  )
  assert.equal(await countersign.forge.calls(TOKEN_ENDPOINT), 1)
})

test('a token that went bad is found out without anybody asking', async () => {
  await using countersign = await startCountersign()
  const { admin, forge, provider, database } = countersign
  const { runtime } = await countersign.runtime()
  const token = await forge.token()
  await admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, token)
  await forge.control('POST', '/control/tokens/revoke', { sha1: token })
  await using events = await admin.events()
  await sql`update connections set check_due_at = now()`.execute(database.db)
  await wakeScheduler(countersign)
  await events.until(async () =>
    (await admin.access(runtime.id)).authorization?.connection.status === 'rejected'
      ? true
      : undefined,
  )
})

test('a vault that dies between the answer and the database loses nothing', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-kill-'))
  await using countersign = await startCountersign({ env: { COUNTERSIGN_DATA: folder.path } })
  const { ask } = await authorized(countersign)
  const settings = settingsOf(countersign, join(folder.path, 'second'))
  const before = await dieWithAnswer(countersign, ask, settings)
  await using _again = await startVaultProcess(settings)
  const after = await connectionOf(countersign)
  assert.equal(after.version, before.version + 1)
  await ask()
  assert.equal(await countersign.forge.calls(TOKEN_ENDPOINT), 1)
})

test('nor does one that comes back when its grant counts as over: that is checked as before', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-kill-'))
  await using countersign = await startCountersign()
  const { ask, row } = await authorized(countersign)
  const settings = settingsOf(countersign, folder.path)
  await dieWithAnswer(countersign, ask, settings)
  await ageClaim(countersign)
  await assert.rejects(ask(), isProblem('reauthorization-required'))
  await countersign.admin.checkNow(row.runtime_id)
  assert.equal((await connectionOf(countersign)).check_due_at, null)
  await using _again = await startVaultProcess(settings)
  await ask()
  const { status, check_due_at } = await connectionOf(countersign)
  assert.equal(status, 'valid')
  assert.notEqual(check_due_at, null)
})

test('an answer on its way to the database is left to who has it, and holds up nothing else', async () => {
  await using countersign = await startCountersign()
  const { admin, forge, provider, database } = countersign
  const { ask } = await authorized(countersign)
  const { runtime } = await countersign.runtime()
  const token = await forge.token('bob')
  await admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, token)
  await forge.control('POST', '/control/tokens/revoke', { sha1: token })
  await endAccess(countersign)
  await whileItWaits(countersign, ask, async () => {
    await sql`update connections set check_due_at = now() where method = 'token'`.execute(
      database.db,
    )
    await wakeScheduler(countersign)
    await until('a check that finds the token refused', async () => {
      const { authorization } = await admin.access(runtime.id)
      return authorization?.connection.status === 'rejected'
    })
  })
  assert.deepEqual(await refreshesWritten(countersign), ['grant of alice at Forge: refreshed'])
})

test('an answer that two vaults of one folder bring home is written down once', async () => {
  await using countersign = await startCountersign({ vaults: 2 })
  const { ask } = await authorized(countersign)
  await endAccess(countersign)
  const { password } = await whileItWaits(countersign, ask, async () => {
    await wakeScheduler(countersign)
    await untilWaiting(countersign, 2)
  })
  assert.deepEqual(await refreshesWritten(countersign), ['grant of alice at Forge: refreshed'])
  await wakeScheduler(countersign)
  assert.equal((await ask()).password, password)
})

test('a claim whose holder died before it asked is taken over', async () => {
  await using countersign = await startCountersign()
  const { ask } = await authorized(countersign)
  await endAccess(countersign)
  await sql`update connections set refresh_claimed_by = gen_random_uuid(),
    refresh_claimed_at = now() - interval '31 seconds' where method = 'oauth'`.execute(
    countersign.database.db,
  )
  await ask()
  assert.equal(await countersign.forge.calls(TOKEN_ENDPOINT), 1)
})

test('who asks while a claim whose holder died still stands gets the token there is', async () => {
  await using countersign = await startCountersign({
    env: { COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: '1' },
  })
  const { ask } = await authorized(countersign)
  const { database, forge, vault_url } = countersign
  const { password } = await ask()
  await sql`update connections set version = version + 1, refresh_due_at = null,
    access_issued_at = now() - interval '50 minutes',
    access_expires_at = now() + interval '10 minutes',
    refresh_claimed_by = gen_random_uuid(),
    refresh_claimed_at = now()`.execute(database.db)
  const given = await ask(vault_url, { min_ttl: 1800 })
  assert.deepEqual([given.password, given.min_ttl_met], [password, false])
  await endAccess(countersign)
  await assert.rejects(ask(), isProblem('provider-unavailable'))
  assert.equal(await forge.calls(TOKEN_ENDPOINT), 0)
})

test('deleting the last authorization destroys the grant', async () => {
  await using countersign = await startCountersign()
  const { row } = await authorized(countersign)
  const { admin, database } = countersign
  const { authorization } = await admin.access(row.runtime_id)
  await admin.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
  const left = await database.db.selectFrom('connections').select('id').execute()
  assert.deepEqual(left, [])
})

function settingsOf(
  { database, vault_key, page_url }: Countersign,
  data_folder: string,
): VaultProcessSettings {
  return { database_url: database.url, data_folder, vault_key, page_url }
}

/** Kills a vault that has its answer in its journal only. @returns the connection, as it still is */
async function dieWithAnswer(
  countersign: Countersign,
  ask: Granted['ask'],
  settings: VaultProcessSettings,
) {
  const dying = await startVaultProcess(settings)
  await endAccess(countersign)
  const before = await connectionOf(countersign)
  const asked = () => ask(dying.url).catch(() => undefined)
  await whileItWaits(countersign, asked, () => dying.kill())
  assert.equal((await connectionOf(countersign)).version, before.version)
  return before
}

/**
 * Has a grant refreshed whose connection is locked while the forge answers: the vault stops between
 * journal and database as long as `act` takes.
 *
 * @returns what was answered in the end
 */
async function whileItWaits<T>(
  countersign: Countersign,
  ask: () => Promise<T>,
  act: () => Promise<unknown>,
): Promise<T> {
  const { id } = await connectionOf(countersign)
  const { asked } = await countersign.database.db.transaction().execute(async (trx) => {
    const held = await countersign.forge.hold(TOKEN_ENDPOINT)
    const asked = ask()
    await held.asked()
    await trx.selectFrom('connections').select('id').where('id', '=', id).forUpdate().execute()
    await held.release()
    await untilWaiting(countersign)
    await act()
    return { asked }
  })
  return await asked
}

/** What the trail has of refreshes, oldest first. */
async function refreshesWritten({ database }: Countersign): Promise<string[]> {
  const rows = await database.db
    .selectFrom('audit')
    .select('subject')
    .where('action', '=', 'connection.refresh')
    .orderBy('id')
    .execute()
  return rows.map(({ subject }) => subject)
}

/** Resolves when so many wait for a lock that we hold. */
async function untilWaiting({ database }: Countersign, count = 1): Promise<void> {
  await until('a vault that waits for our lock', async () => {
    const { rows } = await sql`select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(database.db)
    return rows.length >= count
  })
}
