import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { suite, test } from 'node:test'
import packageJson from '../../package.json' with { type: 'json' }
import { execute, isolated } from '../agent/git-end.ts'
import { freePort } from '../harness/ports.ts'
import { testDatabase } from '../harness/postgres.ts'

const ROOT = join(import.meta.dirname, '..', '..')
/** Without the Node that the repository carries. */
const PATH = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .join(delimiter)
const { node, skip } = olderNode()

suite('started by the Node of the machine, which is older', { skip }, () => {
  test('npx countersign runs with our own', async () => {
    const { code, stdout } = await execute(node, [join(ROOT, 'bin', 'countersign.js'), 'version'], {
      env: isolated({ PATH }),
    })
    assert.deepEqual([code, stdout], [0, `countersign ${packageJson.version}\n`])
    const wrong = await execute(node, [join(ROOT, 'bin', 'countersign.js'), 'nonsense'])
    assert.equal(wrong.code, 2)
  })

  test('npm run build has everything in place, and starts nothing', async () => {
    const { code, stdout } = await execute(node, [join(ROOT, 'bin', 'build.js')], {
      env: isolated({ PATH }),
    })
    assert.deepEqual([code, stdout], [0, 'Everything is installed, and the pages are built.\n'])
  })

  test('npm start comes up, and ends when it is told to', async (t) => {
    const data = await mkdtemp(join(tmpdir(), 'countersign-bin-'))
    t.after(() => rm(data, { recursive: true, force: true }))
    await using database = await testDatabase()
    const program = spawn(node, [join(ROOT, 'bin', 'start.js')], {
      cwd: data,
      env: isolated({
        PATH,
        DATABASE_URL: database.url,
        COUNTERSIGN_DATA: data,
        COUNTERSIGN_PORT: String(await freePort()),
        COUNTERSIGN_VAULT_PORT: String(await freePort()),
        COUNTERSIGN_SANDBOX_PORT: String(await freePort()),
      }),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(program, 'exit')
    let ready = false
    for await (const line of createInterface({ input: program.stdout })) {
      ready ||= line.startsWith('Countersign is ready')
      if (line.includes('Ctrl-C')) program.kill('SIGTERM')
    }
    assert.ok(ready)
    assert.deepEqual(await ended, [0, null])
  })
})

/** `node` in PATH, where it is one that cannot run our TypeScript itself. */
function olderNode(): { node: string; skip: string | false } {
  const { stdout } = spawnSync('node', ['-p', 'process.execPath + " " + process.versions.node'], {
    env: { PATH },
    encoding: 'utf8',
  })
  const [node = '', version = ''] = (stdout ?? '').trim().split(' ')
  const major = Number.parseInt(version, 10)
  const fits = major >= 20 && major < 24
  return { node, skip: fits ? false : 'there is no Node from 20 to 23 in PATH' }
}
