import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError, configFrom } from '../../src/config/config.ts'
import { readEnv, unknownSettings } from '../../src/config/env.ts'
import { isDatabaseAway } from '../../src/store/database.ts'
import { testDatabase } from '../harness/postgres.ts'
import { startProgram } from '../harness/program.ts'

async function refusal(settings: Record<string, string>): Promise<string> {
  await using program = startProgram('vault', settings)
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
  assert.match(said, /^countersign: There is no trusted TLS connection to the database\. .*\n$/)
  const expired = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' })
  assert.ok(isDatabaseAway(expired))
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
