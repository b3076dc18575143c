import assert from 'node:assert/strict'
import { mkdtempDisposable, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { startEmbeddedPostgres } from '../../src/store/embedded.ts'
import { startCountersign } from '../harness/countersign.ts'
import {
  ageFailure,
  authorized,
  connectionOf,
  cutOffAtTheRow,
  endAccess,
  endGrant,
} from '../harness/granted.ts'

/** The value of a series on a `/metrics` page, by its name with labels; undefined when not there. */
async function figure(url: string, series: string): Promise<number | undefined> {
  const response = await fetch(`${url}/metrics`)
  assert.equal(response.status, 200)
  const lines = (await response.text()).split('\n')
  const line = lines.find((candidate) => candidate.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

test('a vault counts what came of its calls for newer tokens', async () => {
  await using countersign = await startCountersign()
  const { forge, vault_url } = countersign
  const { ask } = await authorized(countersign)
  const counted = async () => {
    const outcomes = ['refreshed', 'unavailable', 'gone']
    const series = (outcome: string) =>
      `countersign_refreshes_total{kind="gitea",outcome="${outcome}"}`
    return await Promise.all(outcomes.map((outcome) => figure(vault_url, series(outcome))))
  }
  assert.deepEqual(await counted(), [undefined, undefined, undefined])
  await endAccess(countersign)
  await ask()
  assert.deepEqual(await counted(), [1, undefined, undefined])
  await forge.control('POST', '/control/faults', { match: '/login/', kind: 'status', status: 503 })
  await endAccess(countersign)
  await assert.rejects(ask())
  await forge.control('DELETE', '/control/faults')
  await ageFailure(countersign)
  await endGrant(countersign)
  await assert.rejects(ask())
  assert.deepEqual(await counted(), [1, 1, 1])
})

test('a vault says how many answers wait in its journal', async () => {
  await using countersign = await startCountersign()
  const { vault_url } = countersign
  const { ask } = await authorized(countersign)
  const waiting = () => figure(vault_url, 'countersign_journal_answers')
  assert.equal(await waiting(), 0)
  await endAccess(countersign)
  await cutOffAtTheRow(countersign, (await connectionOf(countersign)).id, ask)
  assert.equal(await waiting(), 1)
  await ask()
  assert.equal(await waiting(), 0)
})

test('a vault counts what it could not write to its journal', async () => {
  await using data = await mkdtempDisposable(join(tmpdir(), 'countersign-data-'))
  await using countersign = await startCountersign({ env: { COUNTERSIGN_DATA: data.path } })
  const { vault_url } = countersign
  const { ask } = await authorized(countersign)
  const failures = () => figure(vault_url, 'countersign_journal_failures_total')
  await endAccess(countersign)
  await ask()
  assert.equal(await failures(), 0)
  await rm(join(data.path, 'refresh-journal'), { recursive: true })
  await endAccess(countersign)
  await ask()
  assert.equal(await failures(), 1)
  assert.ok(Number.isNaN(await figure(vault_url, 'countersign_journal_answers')))
})

test('a server says what waits for vaults, also when none is there', async () => {
  await using countersign = await startCountersign()
  const { admin, database, page_url } = countersign
  const { row } = await authorized(countersign)
  const told = () =>
    Promise.all(
      ['jobs_waiting', 'oldest_job_seconds', 'refresh_late_seconds'].map((name) =>
        figure(page_url, `countersign_${name}`),
      ),
    )
  await countersign.stopVaults()
  assert.deepEqual(await told(), [0, 0, 0])

  const { authorization } = await admin.access(row.runtime_id)
  await admin.api.checkConnection({ params: { id: authorization?.connection.id ?? '' } })
  await sql`update graphile_worker._private_jobs set run_at = now() - interval '1 hour'
    where is_available`.execute(database.db)
  await sql`update connections set refresh_due_at = now() - interval '2 hours'`.execute(database.db)
  const [jobs, oldest = 0, late = 0] = await told()
  assert.equal(jobs, 1)
  assert.ok(oldest >= 3600 && oldest < 7200, `${oldest} s`)
  assert.ok(late >= 7200 && late < 10800, `${late} s`)
})

test('a server whose database is away says that it does not know', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-pg-'))
  await using postgres = await startEmbeddedPostgres({ folder: folder.path })
  await using countersign = await startCountersign({ database_url: postgres.url })
  await postgres[Symbol.asyncDispose]()
  const { page_url, vault_url } = countersign
  assert.ok(Number.isNaN(await figure(page_url, 'countersign_jobs_waiting')))
  assert.equal(await figure(vault_url, 'countersign_journal_answers'), 0)
})
