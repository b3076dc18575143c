import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { execute, temporaryFolder } from '../agent/git-end.ts'
import { freePort } from '../harness/ports.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
/** An account that no list of accounts has, as containers run under. */
const NOBODY = 23_456
const canBecomeNobody =
  process.getuid?.() === 0 && spawnSync('test', ['-r', MAIN], { uid: NOBODY }).status === 0

/** A start that comes as far as its database, which is not there. */
async function start(options: { cwd: string; uid?: number; env?: Record<string, string> }) {
  const { PATH = '' } = process.env
  const DATABASE_URL = `postgres://127.0.0.1:${await freePort()}/nothing`
  const env = { PATH, DATABASE_URL, ...options.env }
  const { code, stderr } = await execute(process.execPath, [MAIN, 'vault'], { ...options, env })
  assert.equal(code, 1)
  assert.match(stderr, /^countersign: The database does not answer\. .*\n$/)
}

test('nothing that lies where a vault is started is run', async () => {
  await using folder = await temporaryFolder()
  const marker = join(folder.path, 'was-run')
  const code = `require('node:fs').writeFileSync(${JSON.stringify(marker)}, '')`
  await writeFile(join(folder.path, 'graphile-worker.config.cjs'), code)
  const cwd = join(folder.path, 'data')
  await mkdir(cwd)
  await start({ cwd, env: { HOME: folder.path } })
  await assert.rejects(stat(marker), { code: 'ENOENT' })
})

test('an account without a home can start a vault', {
  skip: canBecomeNobody ? false : 'only root can become an account that may read all of this',
}, async () => {
  await using folder = await temporaryFolder()
  await chmod(folder.path, 0o755)
  await start({ cwd: folder.path, uid: NOBODY })
})
