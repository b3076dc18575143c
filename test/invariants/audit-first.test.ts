import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import { startEmbeddedPostgres } from '../../src/store/embedded.ts'
import { temporaryFolder } from '../agent/git-end.ts'
import { startCountersign } from '../harness/countersign.ts'
import { type Answer, startLoad } from './load.ts'

const CALLERS = 32

suite('audit first, credential second', () => {
  test('no credential leaves without its row, though the database is killed', async () => {
    await using folder = await temporaryFolder()
    await using resources = new AsyncDisposableStack()
    let postgres = await startEmbeddedPostgres({ folder: folder.path })
    resources.defer(() => postgres.stop('immediate'))
    await using countersign = await startCountersign({ database_url: postgres.url })
    const { admin, provider, forge, database, vault_urls } = countersign
    const { runtime, key } = await countersign.runtime()
    await admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, await forge.token())

    await using load = startLoad({
      vault_urls,
      runtime_key: key,
      request: { person: admin.person.email, protocol: 'http', host: new URL(forge.url).host },
      callers: CALLERS,
    })
    for (let crash = 0; crash < 3; crash += 1) {
      await load.more(10 * CALLERS, isAnswered)
      await postgres.stop('immediate')
      const away = load.mark()
      await load.more(2 * CALLERS, ({ began }) => began > away)
      const meanwhile = load.answers.filter(({ began }) => began > away)
      postgres = await startEmbeddedPostgres({ folder: folder.path })
      await load.more(CALLERS, isAnswered)
      assert.deepEqual(
        new Set(meanwhile.map(({ problem }) => problem)),
        new Set(['database-unavailable']),
      )
    }
    await load.end()

    const problems = load.answers.flatMap(({ problem }) => problem ?? [])
    assert.deepEqual(new Set(problems), new Set(['database-unavailable']))
    const { rows } = await sql<{ subject: string }>`
      select subject from audit
      where action = 'credential.issue' and outcome = 'allowed'`.execute(database.db)
    const written = new Set(rows.map(({ subject }) => subject))
    const answered = load.answers.filter(isCredential)
    assert.ok(written.size >= answered.length)
    assert.equal(written.size, rows.length, 'a row for each request')
    for (const { path } of answered) {
      assert.ok(written.has(`${forge.url}/${path} as ${admin.person.email}`), `no row for ${path}`)
    }
  })

  test('what was written cannot be changed or removed', async (t) => {
    await using countersign = await startCountersign()
    const { db } = countersign.database
    const { rows } = await sql<{ name: string }>`
      select c.oid::regclass::text as name from pg_class c
      where c.oid = 'audit'::regclass
        or c.oid in (select inhrelid from pg_inherits where inhparent = 'audit'::regclass)
      order by 1`.execute(db)
    assert.ok(rows.length > 3, 'the table and its partitions')
    const now = await countOf()
    for (const { name } of rows) await refusesChanges(t, name)
    assert.equal(await countOf(), now)

    async function refusesChanges(parent: TestContext, name: string): Promise<void> {
      const filled = (await sql`select from ${sql.table(name)} limit 1`.execute(db)).rows.length > 0
      const statements = [
        `truncate ${name}`,
        `truncate ${name} cascade`,
        ...(filled
          ? [
              `delete from ${name}`,
              `update ${name} set reason = 'none'`,
              `update ${name} set at = at + interval '1 month'`,
            ]
          : []),
      ]
      for (const statement of statements) {
        await parent.test(statement, async () => {
          await assert.rejects(sql.raw(statement).execute(db), { code: '42501' })
        })
      }
    }

    async function countOf(): Promise<string | undefined> {
      const { rows: counts } = await sql<{ count: string }>`select count(*) from audit`.execute(db)
      return counts[0]?.count
    }
  })
})

function isCredential({ token }: Answer): boolean {
  return token !== undefined
}

/** Anything but word that the database is away, so that what should not come is not waited out. */
function isAnswered({ problem }: Answer): boolean {
  return problem !== 'database-unavailable'
}
