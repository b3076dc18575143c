import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import { enqueueBehind } from '../../src/jobs/queue.ts'
import type { Trx } from '../../src/store/database.ts'
import { startEmbeddedPostgres } from '../../src/store/embedded.ts'
import { startCountersign } from '../harness/countersign.ts'
import { startNetwork } from '../harness/network.ts'
import { until } from '../harness/until.ts'
import { startVaultProcess, type VaultProcess } from '../harness/vault-process.ts'

/*
 * The database goes away while a vault checks a pasted token, so that the vault can write down
 * neither that it is done nor that it failed.
 */

const WHOAMI = '/api/v1/user'

const folder = await mkdtempDisposable(join(tmpdir(), 'countersign-outcomes-'))
after(() => folder.remove())
const start = () => startEmbeddedPostgres({ folder: join(folder.path, 'postgres') })
let postgres = await start()
after(() => postgres[Symbol.asyncDispose]())
const countersign = await startCountersign({ vaults: 0, database_url: postgres.url })
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, provider } = countersign

let vaults = 0
const startVault = (database_url = database.url) => {
  vaults += 1
  return startVaultProcess({
    database_url,
    data_folder: join(folder.path, `vault-${vaults}`),
    vault_key: countersign.vault_key,
    page_url: countersign.page_url,
    env: {
      NODE_COMPILE_CACHE: join(folder.path, 'compiled'),
      // However long the database takes to go away.
      COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: '600',
    },
  })
}

/**
 * Hands a token in, about which the forge keeps the vault waiting.
 *
 * @returns its runtime, and what lets the forge answer
 */
async function checking() {
  const { runtime } = await countersign.runtime()
  const token = await forge.token()
  const { asked, release } = await forge.hold(WHOAMI)
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  // A page stops hearing of it when the database goes away.
  admin.addToken(row, token).catch(() => {})
  await asked()
  return { runtime_id: runtime.id, release }
}

/** A token that is there, by a vault that is gone again. Returns the id of its connection. */
async function checkedToken(): Promise<string> {
  await using _ = await startVault()
  const { runtime } = await countersign.runtime()
  await admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, await forge.token())
  return (await admin.access(runtime.id)).authorization?.connection.id ?? ''
}

/** The token has been taken, and its task is over. */
const done = (runtime_id: string) =>
  until('a checked token, and an empty queue', async () => {
    const { rows } = await sql`select from graphile_worker.jobs
      where task_identifier = 'check-candidate'`.execute(database.db)
    const { authorization } = await admin.access(runtime_id)
    return rows.length === 0 && authorization?.connection.status === 'valid'
  })

const says = (vault: VaultProcess, words: string) =>
  Promise.race([
    until(words, async () => vault.said.some((line) => line.includes(words))),
    vault.gone.then(() => assert.fail(`the vault has ended:\n${vault.said.join('\n')}`)),
  ])

const lockJobs = (trx: Trx) =>
  sql`select from graphile_worker._private_jobs for update`.execute(trx)

/** Breaks the connections on which a vault waits for our lock. True when there was one. */
async function cutOffOutcomes(): Promise<boolean> {
  const { rows } = await sql`select pg_terminate_backend(pid, 60000) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
      and query like '%delete from%_private_jobs%'`.execute(database.db)
  return rows.length > 0
}

suite('while a vault does a task', () => {
  test('PostgreSQL crashes and comes back: the vault lives, and does the task again', async () => {
    await using vault = await startVault()
    const { runtime_id, release } = await checking()
    await postgres.stop('immediate')
    await release()
    await says(vault, 'a task did not succeed')
    await says(vault, 'the end of a task waits for the database')
    postgres = await start()
    await done(runtime_id)
    assert.equal((await fetch(`${vault.url}/healthz`)).status, 200)
  })

  test('PostgreSQL crashes, and the vault is stopped meanwhile: another one does the task', async () => {
    let checked: string
    {
      await using vault = await startVault()
      const { runtime_id, release } = await checking()
      checked = runtime_id
      await postgres.stop('immediate')
      await release()
      await says(vault, 'the end of a task waits for the database')
      await vault[Symbol.asyncDispose]()
      assert.equal(await vault.gone, 0, vault.said.join('\n'))
    }
    postgres = await start()
    await using _ = await startVault()
    await done(checked)
  })

  test('its connection breaks as it writes down that the task is done: it writes again', async () => {
    await using vault = await startVault()
    const { runtime_id, release } = await checking()
    await database.db.transaction().execute(async (trx) => {
      await lockJobs(trx)
      await release()
      await until('an outcome that is cut off', cutOffOutcomes)
    })
    await says(vault, 'the end of a task waits for the database')
    await done(runtime_id)
    assert.equal((await fetch(`${vault.url}/healthz`)).status, 200)
  })

  test('it is stopped, and cannot write down that the task is done: another one does it', async () => {
    const vault = await startVault()
    const { runtime_id, release } = await checking()
    await database.db.transaction().execute(async (trx) => {
      await lockJobs(trx)
      await release()
      await until('an outcome that is cut off', cutOffOutcomes)
      let isGone = false
      const gone = vault[Symbol.asyncDispose]().then(() => {
        isGone = true
      })
      await until('the end of the vault', async () => {
        await cutOffOutcomes()
        return isGone
      })
      await gone
    })
    assert.equal(await vault.gone, 0, vault.said.join('\n'))
    await using _ = await startVault()
    await done(runtime_id)
  })
})

suite('a job that a vault never hears of, for its connection breaks as it is told', () => {
  /** As they would be after two minutes. */
  const ageLocks = () =>
    sql`update graphile_worker._private_jobs set locked_at = locked_at - interval '2 minutes'`.execute(
      database.db,
    )
  /** The answer in which a vault is told of a job has the vault's name. */
  const TOLD = 'vault-'

  test('is done soon', async () => {
    await using network = await startNetwork(database.url)
    const lost = network.loseAnswer(TOLD)
    await using vault = await startVault(network.url)
    const { runtime } = await countersign.runtime()
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    const checked = admin.addToken(row, await forge.token())
    await lost
    await ageLocks()
    await says(vault, 'jobs were lost on their way here')
    assert.equal((await checked).status, 'accepted')
    await done(runtime.id)
  })

  test('keeps nothing that stands in line behind it', async () => {
    const id = await checkedToken()
    await using network = await startNetwork(database.url)
    const lost = network.loseAnswer(TOLD)
    await using _ = await startVault(network.url)
    await enqueueBehind(database.db, 'check-connection', id)
    await lost
    await enqueueBehind(database.db, 'check-connection', id)
    await ageLocks()
    await until('a line that is free', async () => {
      const { rows } = await sql`select from graphile_worker._private_job_queues
        where locked_at is not null
        union all select from graphile_worker._private_jobs where is_available`.execute(database.db)
      return rows.length === 0
    })
  })
})
