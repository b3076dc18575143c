import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { sql } from 'kysely'
import { configFrom, pageUrlNotice } from '../../src/config/config.ts'
import { ConfigError } from '../../src/config/config-error.ts'
import { readEnv, unknownSettings } from '../../src/config/env.ts'
import { isDatabaseAway, openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import { noPooler, startPooler } from '../harness/pooler.ts'
import { testDatabase } from '../harness/postgres.ts'
import { startProgram } from '../harness/program.ts'
import { freePorts } from '../harness/up.ts'

async function refusal(settings: Record<string, string>, role = 'vault'): Promise<string> {
  await using program = startProgram(role, settings)
  const { code, stderr } = await program.ended
  assert.equal(code, 1)
  return stderr
}

const configOf = (settings: Record<string, string>) => configFrom(readEnv(settings))

test('a folder where a secret should be is named', async () => {
  const folder = tmpdir()
  const sentence = `countersign: ${folder} is a folder, and a file is needed there.\n`
  assert.equal(await refusal({ DATABASE_URL_FILE: folder }), sentence)
})

test('a database without the TLS that is asked for is told from one that is away', async () => {
  await using database = await testDatabase()
  const said = await refusal({ DATABASE_URL: `${database.url}?sslmode=verify-full` })
  assert.match(
    said,
    /^countersign: There is no trusted TLS connection to the database \(\S.*\)\. See .*\n$/,
  )
  const expired = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' })
  assert.ok(isDatabaseAway(expired))
})

test('a process without a file descriptor left, or a machine without a port, has no way to the database', () => {
  for (const code of ['EMFILE', 'ENFILE', 'EADDRNOTAVAIL']) {
    assert.ok(isDatabaseAway(Object.assign(new Error(`connect ${code}`), { code })), code)
  }
})

test('a database that turns an option down is told in its words', async () => {
  await using database = await testDatabase()
  assert.equal(
    await refusal({ DATABASE_URL: `${database.url}?options=-c%20foo%3Dbar` }),
    'countersign: The database server, or a pooler before it, turns us down: unrecognized ' +
      'configuration parameter "foo". Correct DATABASE_URL.\n',
  )
})

test('a server that lacks its secret ends before it changes a table', async () => {
  await using database = await testDatabase()
  const said = await refusal({ DATABASE_URL: database.url }, 'server')
  assert.match(said, /^countersign: Set COUNTERSIGN_SESSION_SECRET .*\n$/)
  await using open = openDatabase(database.url, { max: 1, onError: () => {} })
  const tables = await sql`select 1 from pg_tables where schemaname = 'public'`.execute(open.db)
  assert.deepEqual(tables.rows, [])
})

test('a second installation in one database, beside the tables of the first, is refused', async () => {
  await using database = await testDatabase()
  await migrate(database)
  await using open = openDatabase(database.url, { max: 1, onError: () => {} })
  await sql`create schema mine`.execute(open.db)
  const url = `${database.url}?options=-c%20search_path%3Dmine`
  const said = await refusal({ DATABASE_URL: url })
  assert.match(
    said,
    /^countersign: Another Countersign has its tables .* "public".* of its own.*\n$/,
  )
  const tables = await sql`select 1 from pg_tables where schemaname = 'mine'`.execute(open.db)
  assert.deepEqual(tables.rows, [])
})

test('a misspelt word about TLS is no plain connection', () => {
  const url = 'postgres://db.internal/countersign'
  for (const query of ['', '?sslmode=verify-full&sslrootcert=/ca.pem', '?application_name=x']) {
    assert.equal(configOf({ DATABASE_URL: url + query }).database_url, url + query)
  }
  for (const query of ['?sslmod=require', '?application_name=x&SSLMODE=require']) {
    assert.throws(() => configOf({ DATABASE_URL: url + query }), ConfigError)
  }
})

test('an address of a database says nothing that would be read over', () => {
  const taken = [
    'postgres://u:p@[::1]:5432/db',
    'postgres://u@/db?host=/var/run/postgresql&port=5433',
    'postgresql:///db?user=u&connect_timeout=10&keepalives_idle=5',
    'postgres://u:a%2Cb@db.internal/db?options=-c%20search_path%3Dmine',
    'postgres://db.internal/db?target_session_attrs=read-write',
  ]
  for (const url of taken) assert.equal(configOf({ DATABASE_URL: url }).database_url, url)
  const refused: [string, RegExp][] = [
    ['postgres://a:5432,b:5433/db', /several hosts/],
    ['postgres://u:p@a,b/db?target_session_attrs=read-write', /several hosts/],
    ['postgres:///db?host=a,b', /several hosts/],
    ['postgres://u:se#cret@a/db', /cannot be read/],
    ['postgres://u:se/cret@a/db', /cannot be read/],
    ['postgres://a/db?target_session_attrs=standby', /target_session_attrs must be one of any/],
    ['postgres://a/db?sslmode=allow', /sslmode must be one of disable/],
    ['postgres://a/db?client_encoding=LATIN1', /client_encoding must be one of utf8/],
    ['postgres://a/db?sslnegotiation=none', /sslnegotiation must be one of postgres/],
    ['postgres://a/db?hostaddr=10.0.0.7', /"hostaddr"/],
    ['postgres://a/db?schema=mine', /"schema"/],
    ['postgres://a/db?sslmode=verify-full&sslrootcert=system', /must name a file/],
    ['postgres://a/db?uselibpqcompat=true&sslmode=verify-ca', /sslrootcert with the file/],
  ]
  for (const [DATABASE_URL, words] of refused) {
    assert.throws(
      () => configOf({ DATABASE_URL }),
      (error) => {
        assert.ok(error instanceof ConfigError, DATABASE_URL)
        assert.match(error.message, words)
        assert.doesNotMatch(error.message, /cret/)
        return true
      },
    )
  }
})

suite('behind a pooler', { skip: noPooler }, () => {
  test('that hands out connections by transaction no role starts', async () => {
    await using database = await testDatabase()
    await using pooler = await startPooler(database.url, 'transaction')
    const sentence = /^countersign: DATABASE_URL leads to a pooler .* session mode\.\n$/
    assert.match(await refusal({ DATABASE_URL: pooler.url }), sentence)
  })

  test('in session mode a vault starts, and what it turns down is told', async (t) => {
    await using database = await testDatabase()
    await using pooler = await startPooler(database.url, 'session')
    const data = await mkdtemp(join(tmpdir(), 'countersign-pooled-'))
    t.after(() => rm(data, { recursive: true }))
    const settings = { COUNTERSIGN_DATA: data, COUNTERSIGN_VAULT_PORT: '0' }
    await using vault = startProgram('vault', { ...settings, DATABASE_URL: pooler.url })
    await vault.says(/vault ready/)
    const url = `${pooler.url}?options=-c%20search_path%3Dmine`
    assert.match(await refusal({ DATABASE_URL: url }), /turns us down: unsupported startup/)
  })
})

test('a port is digits', () => {
  assert.equal(configOf({ COUNTERSIGN_PORT: '7180' }).port, 7180)
  for (const port of [' ', '7e3', '0x1b58', '7080.0', 'tcp://10.0.0.1:7080']) {
    assert.throws(() => configOf({ COUNTERSIGN_PORT: port }), ConfigError, port)
  }
})

test('a setting that nothing reads is told, and each that is documented is read', async () => {
  const page = join(import.meta.dirname, '..', '..', 'docs', 'administration.md')
  const told = (await readFile(page, 'utf8')).match(/\bCOUNTERSIGN_[A-Z_]*[A-Z]\b/g) ?? []
  assert.ok(told.length > 20)
  const settings = Object.fromEntries(told.map((name) => [name, 'x']))
  assert.deepEqual(unknownSettings(settings), [])

  const misspelt = {
    COUNTERSIGN_TRUST_PROXIES: '10.0.0.7',
    DATABASE_URL: 'postgres://127.0.0.1:1/x',
  }
  const [line = ''] = (await refusal(misspelt)).split('\n')
  assert.deepEqual(JSON.parse(line).settings, ['COUNTERSIGN_TRUST_PROXIES'])
})

test('who listens for others is told that the pages need an address of theirs', async () => {
  const noticeOf = (settings: Record<string, string>) => pageUrlNotice(configOf(settings))
  const COUNTERSIGN_HOST = '10.0.0.7'
  assert.match(noticeOf({ COUNTERSIGN_HOST }) ?? '', /^COUNTERSIGN_HOST is 10\.0\.0\.7, .*\.$/)
  const COUNTERSIGN_PAGE_URL = 'https://countersign.example.com'
  for (const settings of [
    {},
    { COUNTERSIGN_HOST: '::1' },
    { COUNTERSIGN_HOST, COUNTERSIGN_PAGE_URL },
  ]) {
    assert.equal(noticeOf(settings), undefined)
  }

  const settings = { COUNTERSIGN_HOST: '0.0.0.0', DATABASE_URL: 'postgres://127.0.0.1:1/x' }
  const [line = ''] = (await refusal(settings)).split('\n')
  assert.match(JSON.parse(line).msg, /^COUNTERSIGN_HOST is 0\.0\.0\.0, .* COUNTERSIGN_PAGE_URL/)

  const data = await mkdtemp(join(tmpdir(), 'countersign-notice-'))
  await using resources = new AsyncDisposableStack()
  resources.defer(() => rm(data, { recursive: true }))
  const own = { ...(await freePorts()), COUNTERSIGN_DATA: data, COUNTERSIGN_HOST: '0.0.0.0' }
  const program = resources.use(startProgram('up', own))
  await program.says(/ready[\s\S]*\n {2}COUNTERSIGN_HOST is 0\.0\.0\.0,[\s\S]*Ctrl-C/)
})
