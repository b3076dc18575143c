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

/** Names the server of a whole run and its migrated database to each test file, see `whole-run.ts`. */
export const SERVER_VARIABLE = 'TEST_DATABASE_SERVER'
export const TEMPLATE_VARIABLE = 'TEST_DATABASE_TEMPLATE'

/**
 * A new, empty database: on the server that `DATABASE_URL` names, or else on that of the whole run;
 * where a file runs alone, on a PostgreSQL of its process's own, which goes away with it however it
 * ends.
 */
export function testDatabase(): Promise<TestDatabase> {
  return databaseLike('template1')
}

/** As `testDatabase`, with all tables where a whole run has made them once. */
export function tablesDatabase(): Promise<TestDatabase> {
  return databaseLike(process.env[TEMPLATE_VARIABLE] ?? 'template1')
}

async function databaseLike(template: string): Promise<TestDatabase> {
  const server = await testServer()
  const name = `countersign_test_${randomBytes(8).toString('hex')}`
  await runStatement(server, `create database ${name} template ${template}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  const drop = () => runStatement(server, `drop database if exists ${name} with (force)`)
  return { url: url.href, drop, [Symbol.asyncDispose]: drop }
}

let started: Promise<string> | undefined

/** The URL of the server that tests share. */
export async function testServer(): Promise<string> {
  const given = process.env.DATABASE_URL ?? process.env[SERVER_VARIABLE]
  if (given !== undefined) return given
  started ??= startSharedServer()
  return await started
}

async function startSharedServer(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-test-'))
  let postgres: EmbeddedPostgres | undefined
  process.once('exit', () => {
    if (postgres !== undefined) killNow(postgres.pid)
    rmSync(folder, { recursive: true, force: true })
  })
  const settings = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_connections: '300',
  }
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
