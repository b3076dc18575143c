import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import type pg from 'pg'
import { openBroker } from '../../src/events/broker.ts'
import { isDatabaseAway, openDatabase } from '../../src/store/database.ts'
import { keepConnected } from '../../src/store/kept-connection.ts'
import { migrate } from '../../src/store/migrate.ts'
import { startNetwork } from '../harness/network.ts'
import { testDatabase } from '../harness/postgres.ts'
import { PATIENCE_MS, until } from '../harness/until.ts'

/* Connections that die without a word: the machine at the other end is lost, or a firewall forgets. */

const onError = () => {}
const resources = new AsyncDisposableStack()
const { url } = resources.use(await testDatabase())
const direct = resources.use(openDatabase(url, { max: 4, onError }))
after(() => resources.disposeAsync())

/** What `migrate` holds, so that others wait for it. */
const MIGRATION_LOCK = 7_080_001

/** A socket that is open keeps its process alive. */
const isClosed = ({ connection }: pg.Client) => connection.stream.destroyed

suite('a kept connection', { timeout: PATIENCE_MS }, () => {
  test('that has died is made again, and events come', async () => {
    await using network = await startNetwork(url)
    const pace = { look_ms: 100, answer_ms: 3000 }
    const errors: unknown[] = []
    await using broker = await openBroker(network.url, (error) => errors.push(error), pace)
    const heard: string[] = []
    let gaps = 0
    broker.subscribe(
      () => true,
      ({ name }) => heard.push(name),
      () => {
        gaps += 1
      },
    )
    network.silence()
    await until('word of a gap', async () => gaps > 0)
    assert.ok(isDatabaseAway(errors[0]), String(errors[0]))
    const change = JSON.stringify({ name: 'access', owner_id: null, id: 'one' })
    await until('an event', async () => {
      await sql`select pg_notify('countersign_changes', ${change})`.execute(direct.db)
      return heard.includes('access')
    })
  })

  test('that has died holds up nobody who ends it', async () => {
    await using network = await startNetwork(url)
    const clients: pg.Client[] = []
    const kept = await keepConnected(network.url, {
      application_name: 'countersign test',
      prepare: async (client) => void clients.push(client),
      onError,
    })
    network.silence()
    await kept[Symbol.asyncDispose]()
    assert.deepEqual(clients.map(isClosed), [true])
  })

  test('that nobody answers is given up', async () => {
    await using network = await startNetwork(url)
    network.silence({ new_ones: true })
    const never = keepConnected(network.url, {
      application_name: 'countersign test',
      prepare: async () => {},
      onError,
      pace: { look_ms: 100, answer_ms: 500 },
    })
    await assert.rejects(never, isDatabaseAway)
  })
})

suite('a connection of the pool that has died', { timeout: PATIENCE_MS }, () => {
  for (const [name, ask] of Object.entries({
    'a query': ({ db }) => sql`select 1`.execute(db),
    'a transaction': ({ db }) =>
      db.transaction().execute(async (trx) => {
        await sql`select 1`.execute(trx)
      }),
    'a statement on the pool itself': ({ pool }) => pool.query('select 1'),
  } satisfies Record<string, (database: typeof direct) => Promise<unknown>>)) {
    test(`fails ${name} as one whose database is away; the next has another connection`, async () => {
      await using network = await startNetwork(url)
      const options = { max: 1, onError, answer_ms: 3000 }
      await using database = openDatabase(network.url, options)
      await ask(database)
      network.silence()
      await assert.rejects(ask(database), isDatabaseAway)
      await ask(database)
    })
  }

  test('in the midst of a transaction, fails it', async () => {
    await using network = await startNetwork(url)
    await using database = openDatabase(network.url, { max: 1, onError, answer_ms: 3000 })
    const broken = database.db.transaction().execute(async (trx) => {
      await sql`select 1`.execute(trx)
      network.silence()
      await sql`select 1`.execute(trx)
    })
    await assert.rejects(broken, isDatabaseAway)
    await sql`select 1`.execute(database.db)
  })

  test('holds up nobody who ends the pool', async () => {
    await using network = await startNetwork(url)
    const database = openDatabase(network.url, { max: 1, onError })
    const clients: pg.Client[] = []
    database.pool.on('connect', (client) => clients.push(client))
    await sql`select 1`.execute(database.db)
    network.silence()
    await database[Symbol.asyncDispose]()
    assert.deepEqual(clients.map(isClosed), [true])
  })
})

test('tables are made however long that takes', { timeout: PATIENCE_MS }, async () => {
  await using database = openDatabase(url, { max: 2, onError, answer_ms: 200 })
  const { migrated } = await direct.db.connection().execute(async (other) => {
    await sql`select pg_advisory_lock(${MIGRATION_LOCK})`.execute(other)
    const migrated = migrate(database)
    await until('a migration that has waited for another one', async () => {
      const { rows } = await sql`select from pg_stat_activity
        where datname = current_database() and wait_event = 'advisory'
          and now() - query_start > interval '1 second'`.execute(direct.db)
      return rows.length > 0
    })
    await sql`select pg_advisory_unlock(${MIGRATION_LOCK})`.execute(other)
    return { migrated }
  })
  await migrated
})
