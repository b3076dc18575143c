import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { refuseOldServer } from '../../src/store/migrate.ts'

const STORE = join(import.meta.dirname, '../../src/store')

// A database that has a migration takes no earlier one any more: each new one goes to the end.
test('migrations are numbered without a gap, and all of them are run', () => {
  const names = readdirSync(join(STORE, 'migrations')).map((file) => file.replace(/\.ts$/, ''))
  const numbers = names.toSorted().map((name) => Number(name.slice(0, 4)))
  assert.deepEqual(
    numbers,
    names.map((_, index) => index + 1),
  )
  const run = readFileSync(join(STORE, 'migrate.ts'), 'utf8')
  for (const name of names) assert.ok(run.includes(`'${name}': {`), name)
})

test('a PostgreSQL that is too old is told in a sentence', () => {
  for (const version_num of [90624, 140019]) {
    assert.throws(() => refuseOldServer(version_num), {
      name: 'ServerTooOldError',
      message: /^The database server is PostgreSQL (9|14), and Countersign needs 15 or later\. /,
    })
  }
  for (const version_num of [150000, 180001]) refuseOldServer(version_num)
})
