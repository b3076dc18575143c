import assert from 'node:assert/strict'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { execute, temporaryFolder } from '../agent/git-end.ts'
import { credential, ok, runtimeView, startVaultEnd, TOKEN } from '../agent/vault-end.ts'
import { installation } from './countersign.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const ALICE = ['run', '--as', 'alice@example.com', '--']

test('a TMPDIR that is relative holds for a command that goes elsewhere', async () => {
  await using end = await startVaultEnd(({ path }) =>
    ok(path === '/api/v1/runtime' ? runtimeView() : credential),
  )
  await using folder = await temporaryFolder()
  const { env } = installation(end.url, { TMPDIR: basename(folder.path) })
  const fill = `cd / && printf 'protocol=https\\nhost=git.example.com\\n\\n' | git credential fill`
  const { stdout } = await execute(process.execPath, [MAIN, ...ALICE, 'sh', '-c', fill], {
    env,
    cwd: dirname(folder.path),
  })
  assert.match(stdout, new RegExp(`^password=${TOKEN}$`, 'm'))
})
