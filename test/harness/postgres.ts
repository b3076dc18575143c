import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded.ts'
import { processStart } from '../../src/store/embedded-lock.ts'

export interface TestDatabase extends AsyncDisposable {
  url: string
  drop(): Promise<void>
}

/**
 * A new, empty database: on the server that `DATABASE_URL` names, or else on a PostgreSQL of this
 * process's own, which goes away with it however it ends.
 */
export async function testDatabase(): Promise<TestDatabase> {
  const server = process.env.DATABASE_URL ?? (await sharedServer())
  const name = `countersign_test_${randomBytes(8).toString('hex')}`
  await runStatement(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  const drop = () => runStatement(server, `drop database if exists ${name} with (force)`)
  return { url: url.href, drop, [Symbol.asyncDispose]: drop }
}

/** One server for this test process, started by the first test that needs it. */
let shared: Promise<string> | undefined

function sharedServer(): Promise<string> {
  shared ??= startSharedServer()
  return shared
}

async function startSharedServer(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-test-'))
  let postgres: EmbeddedPostgres | undefined
  process.once('exit', () => {
    if (postgres !== undefined) killNow(postgres.pid)
    rmSync(folder, { recursive: true, force: true })
  })
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
  postgres = await startEmbeddedPostgres({ folder, settings })
  postgres.unref()
  return postgres.url
}

/** For an `exit` handler, where nothing can be awaited. */
function killNow(pid: number): void {
  const started = processStart(pid)
  if (started === undefined) return
  process.kill(pid, 'SIGQUIT')
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let tries = 0; tries < 500 && processStart(pid) === started; tries += 1) {
    Atomics.wait(pause, 0, 0, 10)
  }
}

async function runStatement(server: string, statement: string): Promise<void> {
  const client = new Client(server)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
