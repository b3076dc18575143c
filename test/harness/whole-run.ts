/**
 * Once for a whole run (`--test-global-setup`), what most test files would each make: a PostgreSQL, a
 * database with all tables, and the folder of a sandbox forge, both of which theirs are copied from.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startSandbox } from '../../sandbox/sandbox.ts'
import { openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import { FORGE_VARIABLE } from './forge.ts'
import {
  SERVER_VARIABLE,
  TEMPLATE_VARIABLE,
  type TestDatabase,
  testDatabase,
  testServer,
} from './postgres.ts'

let tables: TestDatabase | undefined

export async function globalSetup(): Promise<void> {
  process.env[SERVER_VARIABLE] = await testServer()
  tables = await testDatabase()
  await using database = openDatabase(tables.url, { max: 4, onError() {} })
  await migrate(database)
  process.env[TEMPLATE_VARIABLE] = new URL(tables.url).pathname.slice(1)
  process.env[FORGE_VARIABLE] = await forgeFolder()
}

/** The server, where it is ours, ends with the process. */
export async function globalTeardown(): Promise<void> {
  await tables?.drop()
}

async function forgeFolder(): Promise<string> {
  const data_folder = mkdtempSync(join(tmpdir(), 'countersign-forge-'))
  process.once('exit', () => rmSync(data_folder, { recursive: true, force: true }))
  await using _forge = await startSandbox({ port: 0, data_folder })
  return data_folder
}
