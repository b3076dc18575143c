import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { createClient } from '../../src/contract/index.ts'
import { openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import { type Ended, execute, isolated } from '../agent/git-end.ts'
import { openAccount } from '../cli/person-end.ts'
import { startCountersign } from '../harness/countersign.ts'
import { joinAs, PASSWORD } from '../harness/person.ts'
import { freePort } from '../harness/ports.ts'
import { testDatabase } from '../harness/postgres.ts'
import { refusal } from '../harness/problems.ts'
import { startProgram } from '../harness/program.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const NEW_PASSWORD = 'another one, not forgotten'

function reset(email: string, settings: Record<string, string>, input = ''): Promise<Ended> {
  return execute(process.execPath, [MAIN, 'reset-password', email], {
    env: isolated(settings),
    input,
  })
}

test('a forgotten password is replaced beside the database, and all sessions end', async () => {
  await using countersign = await startCountersign()
  const { admin, database, page_url } = countersign
  const settings = { DATABASE_URL: database.url }
  const bob = await countersign.person('bob')
  await using account = await openAccount(page_url)
  await account.login(bob)

  const ended = await reset('Bob@Example.com', settings, `${NEW_PASSWORD}\n`)
  const said = 'bob@example.com has the new password, and no session any more.\n'
  assert.deepEqual([ended.code, ended.stdout], [0, said])
  await refusal(bob.api.listAccess({}), 'not-signed-in')
  assert.equal((await account.run('whoami')).code, 1)
  const anybody = createClient({ base_url: page_url, headers: { origin: page_url } })
  const { email } = bob.person
  await refusal(anybody.signIn({ body: { email, password: PASSWORD } }), 'sign-in-failed')
  const session = await anybody.signIn({ body: { email, password: NEW_PASSWORD } })
  assert.equal(session.person?.id, bob.person.id)

  assert.equal((await admin.api.getSession({})).person?.id, admin.person.id)
  const { items } = await admin.api.listAudit({ query: { q: 'reset_password' } })
  assert.deepEqual(
    items.map(({ actor, subject }) => [actor.kind, subject]),
    [['setup', 'bob@example.com, and all their sessions ended']],
  )
  assert.ok(!countersign.logged.some((line) => line.includes(NEW_PASSWORD)))
})

test('what cannot be done is said in one sentence, and changes nothing', async () => {
  await using countersign = await startCountersign()
  const settings = { DATABASE_URL: countersign.database.url }
  const { email } = countersign.admin.person
  for (const [who, input, sentence] of [
    ['eve@example.com', '', 'Nobody here has the e-mail address eve@example.com.'],
    [email, 'short', 'The password is too short. Choose a password of at least 10 characters.'],
    [email, 'x'.repeat(300), 'A password has at most 256 characters.'],
  ] as const) {
    const { code, stderr } = await reset(who, settings, input)
    assert.deepEqual([code, stderr.split('\n').at(-2)], [1, `countersign: ${sentence}`])
  }
  assert.ok((await countersign.admin.api.getSession({})).person)

  const nowhere = await reset(email, { COUNTERSIGN_DATA: '/nonexistent/data' })
  assert.equal(nowhere.code, 1)
  assert.match(nowhere.stderr, /^countersign: There is no database in \/nonexistent\/data\. Name/)
  const unnamed = await execute(process.execPath, [MAIN, 'reset-password'], { env: isolated() })
  assert.equal(unnamed.code, 2)
  assert.match(unnamed.stderr, /name one person, by their e-mail address\. See "countersign reset/)
})

test('tables of another version are left as they are', async () => {
  await using empty = await testDatabase()
  await using database = openDatabase(empty.url, { max: 2, onError: () => {} })
  const settings = { DATABASE_URL: empty.url }
  const { db } = database
  const said = async () => {
    const { code, stdout, stderr } = await reset('ada@example.com', settings, NEW_PASSWORD)
    assert.deepEqual([code, stdout], [1, ''])
    return stderr
  }
  assert.equal(await said(), 'countersign: No Countersign has been started on this database yet.\n')
  const { rows } = await sql`select from pg_tables where schemaname = 'public'`.execute(db)
  assert.equal(rows.length, 0)

  await migrate(database)
  const applied = () => sql<{ name: string }>`select name from kysely_migration`.execute(db)
  await sql`delete from kysely_migration
    where name = (select max(name) from kysely_migration)`.execute(db)
  const before = (await applied()).rows
  assert.match(
    await said(),
    /older version of Countersign \(it lacks \d{4}-[^,]+\)\. Use that version/,
  )
  assert.deepEqual((await applied()).rows, before)
  await sql`insert into kysely_migration values ('9999-next', '')`.execute(db)
  assert.match(await said(), /newer version of Countersign \(it has 9999-next\)/)
})

test('the database in a data folder is reached, whether it runs or not', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'countersign-reset-'))
  t.after(() => rm(data, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  const settings = { COUNTERSIGN_DATA: data }
  const page_url = `http://localhost:${await freePort()}`
  await using program = startProgram('up', {
    ...settings,
    COUNTERSIGN_PORT: new URL(page_url).port,
    COUNTERSIGN_VAULT_PORT: String(await freePort()),
    COUNTERSIGN_SANDBOX_PORT: String(await freePort()),
  })
  const [, invite = ''] = await program.says(/\/invite#(\S+)/)
  await program.says(/Ctrl-C/)
  const ada = await joinAs(page_url, invite, 'ada')
  const { email } = ada.person
  assert.equal((await reset(email, settings, NEW_PASSWORD)).code, 0)
  const body = { email, password: NEW_PASSWORD }
  assert.ok((await ada.api.signIn({ body })).person)
  program.signal('SIGINT')
  await program.ended
  const alone = await reset(email, settings, NEW_PASSWORD)
  assert.deepEqual([alone.code, alone.stderr], [0, ''])
})
