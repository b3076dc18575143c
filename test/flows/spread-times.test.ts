import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type RawBuilder, sql } from 'kysely'
import { nextCheck } from '../../src/vault/accepted-connection.ts'
import { startCountersign } from '../harness/countersign.ts'
import { beginWithCode, outcomeOf, startGitlabForge } from '../harness/device-forge.ts'
import { wakeScheduler } from '../harness/granted.ts'
import { until } from '../harness/until.ts'

/** What came together must not come back together, or a host has it all in one moment. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { db } = countersign.database
const lab = await startGitlabForge(countersign)
after(() => lab[Symbol.asyncDispose]())

const PEOPLE = ['grace', 'hedy', 'ida', 'jean']
for (const name of PEOPLE) {
  const person = await countersign.person(name)
  const { id, device } = await beginWithCode(person, lab.row)
  lab.devices.approve(device?.user_code ?? '', 'carol')
  assert.equal((await outcomeOf(person, id)).status, 'completed')
}

test('grants of the same life are refreshed at different times', async () => {
  await assertSpread(sql`access_expires_at - refresh_due_at`)
})

test('they are checked at different times', async () => {
  await assertSpread(sql`check_due_at - created_at`, 1)
  for (const last of ['answered', 'unavailable'] as const) {
    const waits = await Promise.all(PEOPLE.map(() => secondsUntil(nextCheck(last))))
    assert.equal(new Set(waits).size, PEOPLE.length, waits.join())
  }
})

test('and so are those that were refreshed together', async () => {
  await makeDue()
  await until('a refresh of each', async () => (await countOf(sql`version > 1`)) === PEOPLE.length)
  await assertSpread(sql`access_expires_at - refresh_due_at`)
})

test('a host that was away for all is asked again at different times', async () => {
  lab.forge.interruption = { status: 503, body: '<html>Away' }
  await makeDue()
  await until('a failure of each', async () => {
    return (await countOf(sql`refresh_failed_at is not null`)) === PEOPLE.length
  })
  await assertSpread(sql`refresh_due_at - refresh_failed_at`)
})

/** So many seconds differ between all connections, by more than a transaction takes. */
async function assertSpread(wait: RawBuilder<unknown>, least = 0): Promise<void> {
  const { rows } = await sql<{ seconds: number }>`
    select extract(epoch from ${wait})::float8 as seconds from connections
    order by 1`.execute(db)
  const waits = rows.map(({ seconds }) => seconds)
  assert.equal(waits.length, PEOPLE.length)
  assert.equal(new Set(waits).size, PEOPLE.length, waits.join())
  const widest = (waits.at(-1) ?? 0) - (waits[0] ?? 0)
  assert.ok(widest > least, waits.join())
}

/** Exact, since both times are those of one statement. */
async function secondsUntil(time: RawBuilder<Date>): Promise<number> {
  const { rows } = await sql<{ seconds: number }>`
    select extract(epoch from ${time} - now())::float8 as seconds`.execute(db)
  return rows[0]?.seconds ?? 0
}

async function countOf(condition: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql`select from connections where ${condition}`.execute(db)
  return rows.length
}

async function makeDue(): Promise<void> {
  await sql`update connections set refresh_due_at = now()`.execute(db)
  await wakeScheduler(countersign)
}
