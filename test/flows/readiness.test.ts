import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { Client } from 'pg'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { startNetwork } from '../harness/network.ts'
import { testDatabase } from '../harness/postgres.ts'
import { startProgram } from '../harness/program.ts'
import { until } from '../harness/until.ts'

/** As a server does that has become the standby of another one: it answers, and takes no changes. */
async function setReadOnly(database_url: string, readOnly: boolean): Promise<void> {
  const client = new Client(database_url)
  await client.connect()
  try {
    const { rows } = await client.query('select current_database() as name')
    const [database] = rows as [{ name: string }]
    await client.query('set default_transaction_read_only = off')
    await client.query(
      readOnly
        ? `alter database ${database.name} set default_transaction_read_only = on`
        : `alter database ${database.name} reset default_transaction_read_only`,
    )
    // Those that are open stay as they were begun; at a failover all of them are ended, too.
    if (!readOnly) return
    await client.query(
      'select pg_terminate_backend(pid, 5000) from pg_stat_activity ' +
        'where datname = current_database() and pid <> pg_backend_pid()',
    )
  } finally {
    await client.end()
  }
}

async function readiness({ server_urls, vault_url }: Countersign): Promise<number[]> {
  const answers = [...server_urls, vault_url].map((url) => fetch(`${url}/readyz`))
  return (await Promise.all(answers)).map(({ status }) => status)
}

function untilAll(countersign: Countersign, status: number): Promise<true> {
  return until(`readiness ${status}`, async () => {
    const all = await readiness(countersign)
    return all.every((one) => one === status) || undefined
  })
}

test('server and vault are not ready while the database takes no changes, and are again later', async () => {
  await using countersign = await startCountersign()
  const { url } = countersign.database
  assert.deepEqual(await readiness(countersign), [200, 200])
  await setReadOnly(url, true)
  await untilAll(countersign, 503)
  await setReadOnly(url, false)
  await untilAll(countersign, 200)
})

test('who asks whether we are ready, or for figures, hears it long before a query is given up', async () => {
  await using own = await testDatabase()
  await using network = await startNetwork(own.url)
  await using countersign = await startCountersign({ database_url: network.url })
  const { server_urls, vault_url } = countersign
  // Each has connections that are open, and says that it is there.
  await untilAll(countersign, 200)
  network.silence({ new_ones: true })
  const givenUp = sql`select 1`.execute(countersign.database.db).catch(() => 'given up')
  const asked = Promise.all([
    readiness(countersign),
    ...[...server_urls, vault_url].map(async (url) => (await fetch(`${url}/metrics`)).status),
  ])
  assert.deepEqual(await Promise.race([asked, givenUp]), [[503, 503], 200, 200])
  network.hangUp()
  assert.equal(await givenUp, 'given up')
})

test('a start on a database that takes no changes says so', async () => {
  await using database = await testDatabase()
  await setReadOnly(database.url, true)
  await using vault = startProgram('vault', { DATABASE_URL: database.url })
  const { code, stderr } = await vault.ended
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^countersign: The database takes no changes: .* primary in DATABASE_URL\.\n$/,
  )
})

test('a database that does not let us in any more, as with a new password, is one that is away', async () => {
  await using database = await testDatabase()
  // Not in the database itself, which is dropped before the role.
  const owner = new Client(Object.assign(new URL(database.url), { pathname: '/postgres' }).href)
  await owner.connect()
  const role = `countersign_test_${randomBytes(8).toString('hex')}`
  const url = new URL(database.url)
  await owner.query(`create role ${role} login password 'secret'`)
  await owner.query(`alter database ${url.pathname.slice(1)} owner to ${role}`)
  Object.assign(url, { username: role, password: 'secret' })
  try {
    await using countersign = await startCountersign({ database_url: url.href })
    const hangUp = () =>
      owner.query(
        'select pg_terminate_backend(pid, 60000) from pg_stat_activity where usename = $1',
        [role],
      )
    await owner.query(`alter role ${role} nologin`)
    await until('readiness 503', async () => {
      await hangUp()
      return (await readiness(countersign)).every((status) => status !== 200)
    })
    assert.deepEqual(await readiness(countersign), [503, 503])
    await owner.query(`alter role ${role} login`)
    await untilAll(countersign, 200)
  } finally {
    await database.drop()
    await owner.query(`drop role ${role}`)
    await owner.end()
  }
})
