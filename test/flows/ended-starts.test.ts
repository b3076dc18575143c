import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { Client } from 'pg'
import { temporaryFolder } from '../agent/git-end.ts'
import { commandLine } from '../cli/countersign.ts'
import { startNetwork } from '../harness/network.ts'
import { freePort } from '../harness/ports.ts'
import { testDatabase } from '../harness/postgres.ts'
import { startProgram } from '../harness/program.ts'
import { until } from '../harness/until.ts'

test('a start that waits for another one to bring the tables up to date ends when it is told to', async () => {
  await using database = await testDatabase()
  await using resources = new AsyncDisposableStack()
  const other = resources.adopt(new Client(database.url), (client) => client.end())
  await other.connect()
  await other.query('select pg_advisory_lock(7080001)')
  await using vault = startProgram('vault', { DATABASE_URL: database.url })
  await until('a start that waits', async () => {
    const { rowCount } = await other.query(
      `select from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())`,
    )
    return rowCount === 1
  })
  vault.signal('SIGTERM')
  const { code, stdout, stderr } = await vault.ended
  assert.deepEqual([code, stdout, stderr], [0, '', ''])
})

test('a start that waits for a database, or a pooler, that gives no answer says so, and ends when it is told to', async () => {
  await using database = await testDatabase()
  await using network = await startNetwork(database.url)
  const held = network.holdAnswer('server_version_num')
  await using vault = startProgram('vault', { DATABASE_URL: network.url })
  await held
  await vault.says(/still starting: waits for an answer of the database.* A pooler before it/)
  vault.signal('SIGTERM')
  assert.equal((await vault.ended).code, 0)
})

test('a vault whose log finds its disk full ends when it is told to', {
  skip: existsSync('/dev/full') ? false : 'no /dev/full on this system',
}, async () => {
  await using database = await testDatabase()
  await using folder = await temporaryFolder()
  const port = await freePort()
  const { PATH = '' } = process.env
  const vault = spawn('sh', ['-c', `exec ${commandLine(['vault'])} 2> /dev/full`], {
    env: {
      PATH,
      DATABASE_URL: database.url,
      COUNTERSIGN_DATA: folder.path,
      COUNTERSIGN_VAULT_PORT: String(port),
    },
    stdio: 'ignore',
  })
  const ended = once(vault, 'exit')
  await until('a vault', async () => {
    if (vault.exitCode !== null) throw new Error('it has ended')
    return (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok === true
  })
  vault.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})
