import assert from 'node:assert/strict'
import { mkdtempDisposable, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { type Credential, ProblemError } from '../../src/contract/index.ts'
import { startEmbeddedPostgres } from '../../src/store/embedded.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { beginWithCode, outcomeOf, startDeviceForge } from '../harness/device-forge.ts'
import {
  ALICE,
  ageClaim,
  authorized,
  connectionOf,
  cutOffAtTheRow,
  endAccess,
  TOKEN_ENDPOINT,
  wakeScheduler,
} from '../harness/granted.ts'
import { answerAtForge, beginOAuth, comeBack } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { startVaultProcess } from '../harness/vault-process.ts'

test('PostgreSQL is restarted during a refresh: no grant is lost, and nobody asks twice', async () => {
  await using postgres_folder = await mkdtempDisposable(join(tmpdir(), 'countersign-pg-'))
  await using data = await mkdtempDisposable(join(tmpdir(), 'countersign-data-'))
  let postgres = await startEmbeddedPostgres({ folder: postgres_folder.path })
  const { url } = postgres
  try {
    await using countersign = await startCountersign({
      database_url: url,
      vaults: 2,
      env: { COUNTERSIGN_DATA: data.path },
    })
    const { ask } = await authorized(countersign)
    const { forge, vault_urls } = countersign
    await endAccess(countersign)
    const { version } = await connectionOf(countersign)
    const held = await forge.hold(TOKEN_ENDPOINT)
    const asked = vault_urls.map((vault_url) => ask(vault_url).catch((error: unknown) => error))
    await held.asked()
    await postgres[Symbol.asyncDispose]()
    await held.release()
    for (const answer of await Promise.all(asked)) {
      // Without the database nothing can be written down, so nothing leaves.
      assert.ok(answer instanceof Error)
    }
    postgres = await startEmbeddedPostgres({ folder: postgres_folder.path })
    assert.equal(postgres.url, url, 'it is at the same address again')
    const credential = await untilAnswered(countersign, ask)
    const response = await fetch(`${forge.url}/api/v1/user`, {
      headers: { authorization: `token ${credential.password}` },
    })
    assert.equal(response.status, 200)
    assert.equal(await forge.calls(TOKEN_ENDPOINT), 1)
    assert.equal((await connectionOf(countersign)).version, version + 1)
    assert.deepEqual(await readdir(join(data.path, 'refresh-journal')), [])
  } finally {
    await postgres[Symbol.asyncDispose]()
  }
})

test('PostgreSQL is away when a browser comes back: a page says so, and its address works later', async () => {
  await using postgres_folder = await mkdtempDisposable(join(tmpdir(), 'countersign-pg-'))
  const folder = postgres_folder.path
  let postgres = await startEmbeddedPostgres({ folder })
  try {
    await using countersign = await startCountersign({ database_url: postgres.url })
    const { admin } = countersign
    const { row } = await authorized(countersign)
    const { request, authorization_url } = await beginOAuth(admin, row)
    const callback = await answerAtForge(authorization_url, ALICE)
    await postgres[Symbol.asyncDispose]()
    await refusal(admin.api.getSession({}), 'database-unavailable')
    const answer = await fetch(callback, { headers: { cookie: admin.cookie }, redirect: 'manual' })
    assert.equal(answer.status, 503)
    assert.match(await answer.text(), /<p>The database is away, at Countersign/)
    postgres = await startEmbeddedPostgres({ folder })
    const there = await comeBack(callback, admin.cookie)
    assert.equal(there.searchParams.get('request'), request.id)
  } finally {
    await postgres[Symbol.asyncDispose]()
  }
})

test('a vault is stopped while grants wait for PostgreSQL: it ends, and none is said to be kept', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-stopped-'))
  const start = () => startEmbeddedPostgres({ folder: join(folder.path, 'postgres') })
  let postgres = await start()
  try {
    await using countersign = await startCountersign({ vaults: 0, database_url: postgres.url })
    const { admin, database, forge } = countersign
    const startVault = () =>
      startVaultProcess({
        database_url: database.url,
        data_folder: join(folder.path, 'vault'),
        vault_key: countersign.vault_key,
        page_url: countersign.page_url,
      })
    await using vault = await startVault()
    let hasEnded = false
    vault.gone.then(() => {
      hasEnded = true
    })
    const { row } = await authorized(countersign)
    await using octo = await startDeviceForge(countersign)

    // One is on its way as the vault is stopped, …
    const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    octo.forge.holdBack = (_path, { body }) => {
      if ((body as { access_token?: string } | undefined)?.access_token === undefined) return
      held.resolve()
      return released.promise
    }
    const { id: late_id, device } = await beginWithCode(admin, octo.row)
    octo.devices.approve(device?.user_code ?? '', 'carol')
    await held.promise

    // … and one waits already.
    const { request, authorization_url } = await beginOAuth(admin, row)
    const callback = await answerAtForge(authorization_url, ALICE)
    const exchange = await forge.hold(TOKEN_ENDPOINT)
    await comeBack(callback, admin.cookie)
    await exchange.asked()
    const locked = database.db.transaction().execute(async (trx) => {
      await sql`select from authorization_requests where id = ${request.id} for update`.execute(trx)
      await exchange.release()
      await until('a grant that is to be written down', async () => {
        const { rows } = await sql`select from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'
            and query like 'update "authorization_requests"%'`.execute(database.db)
        return rows.length > 0
      })
      await postgres.stop('immediate')
    })
    await assert.rejects(locked)

    const stopped = vault[Symbol.asyncDispose]()
    await until('a vault that answers nobody', () =>
      fetch(`${vault.url}/healthz`).then(
        () => false,
        () => true,
      ),
    )
    released.resolve()
    await until('the end of the vault', async () => hasEnded)
    await stopped
    assert.equal(await vault.gone, 0, vault.said.join('\n'))

    postgres = await start()
    const late = await admin.api.getAuthorizationRequest({ params: { id: late_id } })
    assert.equal(late.status, 'pending')
    await using _ = await startVault()
    const { status, problem } = await outcomeOf(admin, request.id)
    assert.equal(status, 'refused')
    assert.match(problem?.detail ?? '', /used already or took too long\. Nothing was changed/)
  } finally {
    await postgres[Symbol.asyncDispose]()
  }
})

test('an answer that is only on disk is brought home before anybody is asked again', async () => {
  await using data = await mkdtempDisposable(join(tmpdir(), 'countersign-data-'))
  await using countersign = await startCountersign({ env: { COUNTERSIGN_DATA: data.path } })
  const { ask } = await authorized(countersign)
  await endAccess(countersign)
  const { id, version } = await connectionOf(countersign)
  await cutOffAtTheRow(countersign, id, ask)
  assert.equal((await connectionOf(countersign)).version, version)
  assert.deepEqual(await readdir(join(data.path, 'refresh-journal')), [`${id}.${version}`])
  await ageClaim(countersign)
  await ask()
  assert.equal((await connectionOf(countersign)).version, version + 1)
  assert.equal(await countersign.forge.calls(TOKEN_ENDPOINT), 1)
  assert.deepEqual(await readdir(join(data.path, 'refresh-journal')), [])
})

test('so it is before another vault takes the refresh over, which does not have that disk', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-other-'))
  await using countersign = await startCountersign()
  const { database, forge, page_url, vault_key } = countersign
  const { ask } = await authorized(countersign)
  await endAccess(countersign)
  await untilNothingWakesIt(countersign)
  await using other = await startVaultProcess({
    database_url: database.url,
    data_folder: folder.path,
    vault_key,
    page_url,
  })
  await cutOffAtTheRow(countersign, (await connectionOf(countersign)).id, ask)
  await until('an answer to the other', () =>
    ask(other.url).catch((error: unknown) => {
      if (error instanceof ProblemError && error.type === 'provider-unavailable') return undefined
      throw error
    }),
  )
  assert.equal(await forge.calls(TOKEN_ENDPOINT), 1)
})

test('a journal that is gone costs no refresh, neither one that is asked for nor one that is due', async () => {
  await using data = await mkdtempDisposable(join(tmpdir(), 'countersign-data-'))
  await using countersign = await startCountersign({ env: { COUNTERSIGN_DATA: data.path } })
  const { ask } = await authorized(countersign)
  await rm(join(data.path, 'refresh-journal'), { recursive: true })
  await endAccess(countersign)
  await ask()
  assert.ok(countersign.logged.some((line) => line.includes('journal cannot be written')))
  const { id, version } = await connectionOf(countersign)
  await using events = await countersign.admin.events()
  await sql`update connections set refresh_due_at = now() where id = ${id}`.execute(
    countersign.database.db,
  )
  await wakeScheduler(countersign)
  await events.until(async () =>
    (await connectionOf(countersign)).version > version ? true : undefined,
  )
})

/** Resolves when a vault has looked what is due after all changes so far, and sleeps for a minute. */
async function untilNothingWakesIt(countersign: Countersign): Promise<void> {
  const { db } = countersign.database
  const { rows } = await sql<{ at: Date }>`select clock_timestamp() as at`.execute(db)
  await wakeScheduler(countersign)
  await until('a look at what is due', async () => {
    const looked = await sql`select from pg_stat_activity where datname = current_database()
      and query like '%select min("refresh_due_at")%' and state = 'idle'
      and query_start > ${rows[0]?.at}::timestamptz`.execute(db)
    return looked.rows.length > 0
  })
}

/** Asks until the vaults have found the database again; none of their tries changes anything. */
async function untilAnswered(
  { vault_urls }: Countersign,
  ask: (vault_url?: string) => Promise<Credential>,
): Promise<Credential> {
  let turn = 0
  return await until('a credential', () => {
    turn += 1
    return ask(vault_urls[turn % vault_urls.length]).catch(() => undefined)
  })
}
