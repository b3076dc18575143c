import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { sql } from 'kysely'
import { isDatabaseAway, openDatabase } from '../../src/store/database.ts'
import { atMost } from '../../src/store/page.ts'
import { testDatabase } from '../harness/postgres.ts'

/* One connection each, so that every query meets what the one before has left there. */

interface Book {
  id: number
  title: string
}

/** A database of one connection, with a table. */
async function openShelf() {
  await using resources = new AsyncDisposableStack()
  const { url } = resources.use(await testDatabase())
  const errors: Error[] = []
  const onError = (error: Error) => errors.push(error)
  const database = resources.use(openDatabase(url, { max: 1, onError }))
  const db = database.db.withTables<Record<'books', Book>>()
  await sql`create table books (id int primary key, title text not null)`.execute(db)
  await sql`insert into books values (1, 'one'), (2, 'two')`.execute(db)
  const read = (id: number) => db.selectFrom('books').selectAll().where('id', '=', id).execute()
  const namedTexts = async () => {
    const { rows } = await database.pool.query('select statement from pg_prepared_statements')
    return rows.map(({ statement }) => statement as string)
  }
  const kept = resources.move()
  return {
    pool: database.pool,
    db,
    read,
    errors,
    namedTexts,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

suite('a read', () => {
  test('is planned once for each connection, whatever its values', async () => {
    await using shelf = await openShelf()
    for (const id of [1, 2, 1]) assert.equal((await shelf.read(id)).length, 1)
    assert.deepEqual(await shelf.namedTexts(), ['select * from "books" where "id" = $1'])
  })

  test('with a list, and a change, are not kept', async () => {
    await using shelf = await openShelf()
    await shelf.db.selectFrom('books').select('id').where('id', 'in', [1, 2]).execute()
    await shelf.db.insertInto('books').values({ id: 3, title: 'three' }).execute()
    assert.deepEqual(await shelf.namedTexts(), [])
  })

  test('of a page of many rows keeps its plan', async () => {
    await using shelf = await openShelf()
    await sql`insert into books select n, n::text from generate_series(3, 10000) n`.execute(
      shelf.db,
    )
    await sql`analyze books`.execute(shelf.db)
    const page = shelf.db.selectFrom('books').selectAll().where('id', '>', 1).orderBy('id')
    const times = 8
    for (let time = 0; time < times; time += 1) {
      assert.equal((await page.limit(atMost(26)).execute()).length, 26)
    }
    const { rows } = await shelf.pool.query(
      'select generic_plans::int, custom_plans::int from pg_prepared_statements',
    )
    // PostgreSQL tries five times whether values of which it knows more would save it something.
    assert.deepEqual(rows, [{ generic_plans: times - 5, custom_plans: 5 }])
  })

  test('that was refused is asked anew', async () => {
    await using shelf = await openShelf()
    const early = () => sql`select ${1}::int as one from later`.execute(shelf.db)
    await assert.rejects(early, /"later" does not exist/)
    await assert.rejects(early, /"later" does not exist/)
    await sql`create table later ()`.execute(shelf.db)
    assert.deepEqual((await early()).rows, [])
    const half = (of: number) => sql`select ${1}::int / ${of}::int as half`.execute(shelf.db)
    await assert.rejects(half(0), /division by zero/)
    assert.deepEqual((await half(1)).rows, [{ half: 1 }])
  })

  test('whose table a newer version changes fails once, as when the database is away', async () => {
    await using shelf = await openShelf()
    await shelf.read(1)
    await sql`alter table books add column author text`.execute(shelf.db)
    const failure = await shelf.read(1).catch((error: unknown) => error)
    assert.ok(isDatabaseAway(failure), String(failure))
    assert.deepEqual(shelf.errors, [failure])
    assert.deepEqual(await shelf.read(1), [{ id: 1, title: 'one', author: null }])
  })

  test('whose first value could not be written fails once more, and then is asked anew', async () => {
    await using shelf = await openShelf()
    const ask = (value: unknown) => sql`select ${value}::jsonb as value`.execute(shelf.db)
    await assert.rejects(ask({ id: 1n }), TypeError)
    const failure = await ask({ id: 1 }).catch((error: unknown) => error)
    assert.ok(isDatabaseAway(failure), String(failure))
    assert.deepEqual((await ask({ id: 1 })).rows, [{ value: { id: 1 } }])
  })

  test('or a change, at a server that has come to only read, has another connection next', async () => {
    await using shelf = await openShelf()
    await sql`set default_transaction_read_only = on`.execute(shelf.db)
    const insert = () => shelf.db.insertInto('books').values({ id: 3, title: 'three' }).execute()
    const failure = await insert().catch((error: unknown) => error)
    assert.ok(isDatabaseAway(failure), String(failure))
    await insert()
    assert.equal((await shelf.read(3)).length, 1)
  })
})
