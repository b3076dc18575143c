import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import type { Credential } from '../../src/contract/index.ts'
import { openKeyring } from '../../src/vault/keyring.ts'
import { limitOf } from '../../src/vault/provider-pace.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import {
  ageFailure,
  authorized,
  connectionOf,
  TOKEN_ENDPOINT,
  wakeScheduler,
} from '../harness/granted.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'

const PEOPLE = 100
/** How often somebody's workloads ask for their credential at the same moment. */
const ASKING = 20

test('a Git host is away for a day: nothing is marked bad, and all come back, one by one', async () => {
  await using countersign = await startCountersign()
  const { admin, database, forge } = countersign
  const { row, ask } = await authorized(countersign)
  // One grant stands for those of many people: its refresh token works more than once.
  await forge.control('POST', '/control/settings', { invalidate_refresh_tokens: false })
  await manyPeople(countersign)
  {
    await using _day = await forge.away()
    assert.equal(passwordsIn(await atOnce(() => ask())).size, 1, 'what lives is handed out')
    // A day is as many tries as there would be; the rows are made to look as old.
    for (let tries = 1; tries <= 3; tries += 1) {
      await sql`update connections set version = version + 1,
        access_expires_at = least(access_expires_at, now()), refresh_due_at = now()`.execute(
        database.db,
      )
      await wakeScheduler(countersign)
      await untilAll(
        countersign,
        sql`refresh_failures >= ${tries} and refresh_due_at > now() + interval '5 s'`,
      )
      await atOnce(() => refusal(ask(), 'provider-unavailable'))
    }
    const { id } = await connectionOf(countersign)
    await sql`update connections set refresh_failures = 50,
      refresh_due_at = case when id = ${id} then now() else now() + interval '30 minutes' end`.execute(
      database.db,
    )
    await wakeScheduler(countersign)
    // Nothing is left over for when the host is there again.
    await untilAll(countersign, sql`id <> ${id} or refresh_failures = 51`)
    await refusal(ask(), 'provider-unavailable')
    const statuses = await sql<{ status: string; count: number }>`
      select status, count(*)::int as count from connections group by 1`.execute(database.db)
    assert.deepEqual(statuses.rows, [{ status: 'valid', count: PEOPLE + 1 }])
    const { authorization } = await admin.access(row.runtime_id)
    assert.equal(authorization?.connection.status, 'valid')
    assert.ok(authorization.connection.checked_at, 'valid as of then')
    assert.match(authorization.connection.check_failed?.reason ?? '', /could not be asked/)
    const waits = await sql<{ most: number }>`
      select extract(epoch from max(refresh_due_at) - now())::int as most
      from connections`.execute(database.db)
    assert.ok((waits.rows[0]?.most ?? 0) <= 40 * 60, 'all of them try again within 40 minutes')
  }
  await forge.control('POST', '/control/settings', { invalidate_refresh_tokens: false })
  await forge.control('DELETE', '/control/calls')
  // The worst that can come: all of them are due at the same moment.
  await ageFailure(countersign)
  await sql`update connections set refresh_due_at = now()`.execute(database.db)
  await wakeScheduler(countersign)
  assert.equal(passwordsIn(await atOnce(() => ask())).size, 1)
  await untilAll(countersign, sql`refresh_failures = 0 and access_expires_at > now()`)
  assert.equal(await forge.calls(TOKEN_ENDPOINT), PEOPLE + 1)
  const { most, seconds } = limitOf('gitea')
  assert.ok((await mostWithin(countersign, seconds)) <= most, 'no more than the host allows')
  const left = await sql`select 1 from connections
    where status <> 'valid' or check_failed_at is not null`.execute(database.db)
  assert.equal(left.rows.length, 0)
  await ask()
})

/** Copies the one grant to many people, each with a box of their own. */
async function manyPeople(countersign: Countersign): Promise<void> {
  const { db } = countersign.database
  const keyring = await openKeyring(db, countersign.vault_key)
  // The database works these two out by itself.
  const { person_id: _, runtime_id: __, ...grant } = await connectionOf(countersign)
  const { provider_id } = grant
  const address = { purpose: 'token_set', provider_id } as const
  const opened = { ...address, row_id: grant.id, owner_id: grant.owner_id }
  const tokens = await keyring.open(opened, grant.box)
  for (let index = 0; index < PEOPLE; index += 1) {
    const owner_id = randomUUID()
    const id = randomUUID()
    const email = `person-${index}@example.com`
    await db
      .insertInto('people')
      .values({ id: owner_id, name: email, email, role: 'member' })
      .execute()
    const box = await keyring.seal({ ...address, row_id: id, owner_id }, tokens)
    await db
      .insertInto('connections')
      .values({ ...grant, id, owner_id, box })
      .execute()
  }
}

/** What `call` gives to so many who come together. */
async function atOnce<T>(call: () => Promise<T>): Promise<T[]> {
  return await Promise.all(Array.from({ length: ASKING }, call))
}

function passwordsIn(credentials: readonly Credential[]): Set<string> {
  return new Set(credentials.map(({ password }) => password))
}

/** Resolves when `condition` is true of every connection. */
async function untilAll(
  { database }: Countersign,
  condition: ReturnType<typeof sql>,
): Promise<void> {
  await until('all connections to come so far', async () => {
    const { rows } = await sql`select 1 from connections where not (${condition}) limit 1`.execute(
      database.db,
    )
    return rows.length === 0
  })
}

/** The most calls of the token endpoint in any stretch of time, by the forge's own log. */
async function mostWithin({ forge }: Countersign, seconds: number): Promise<number> {
  const { calls } = (await forge.control('GET', '/control/calls')) as {
    calls: { at: string; path: string }[]
  }
  const times = calls.filter(({ path }) => path === TOKEN_ENDPOINT).map(({ at }) => Date.parse(at))
  const end = (begin: number) => begin + seconds * 1000
  return Math.max(
    ...times.map((begin) => times.filter((at) => at >= begin && at < end(begin)).length),
  )
}
