import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { execute, isolated, temporaryFolder } from '../agent/git-end.ts'
import { credential, ok, runtimeView, startVaultEnd } from '../agent/vault-end.ts'
import { installation } from './countersign.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const MAIN = join(ROOT, 'src', 'main.ts')
const SETTINGS = join(ROOT, 'src', 'cli', 'settings.ts')
const ALICE = ['run', '--as', 'alice@example.com', '--']
/** An account that no list of accounts has, as containers run under. */
const NOBODY = 23_456
const skip = canBecome(NOBODY) ? false : 'only root can become an account that may read all of this'

function startVault() {
  return startVaultEnd(({ path }) => ok(path === '/api/v1/runtime' ? runtimeView() : credential))
}

function withoutHome({ HOME: _, ...env }: Record<string, string>) {
  return env
}

describe('an account without a home', () => {
  it('runs a command', { skip }, async () => {
    await using end = await startVault()
    const env = withoutHome(installation(end.url).env)
    const { code, stderr } = await execute(process.execPath, [MAIN, ...ALICE, 'true'], {
      env,
      cwd: '/',
      uid: NOBODY,
    })
    assert.deepEqual([code, stderr], [0, ''])
  })

  it('runs one where neither its home nor the installation lets it look for configuration', {
    skip,
  }, async () => {
    await using end = await startVault()
    await using home = await temporaryFolder()
    const { env } = installation(end.url, { HOME: home.path })
    const of = { cwd: '/', uid: NOBODY }
    const { code, stderr } = await execute(process.execPath, [MAIN, ...ALICE, 'true'], {
      env,
      ...of,
    })
    assert.deepEqual([code, stderr], [0, ''])
    const named = { ...env, COUNTERSIGN_CONFIG: join(home.path, 'agent.json') }
    const told = await execute(process.execPath, [MAIN, ...ALICE, 'true'], { env: named, ...of })
    assert.equal(told.code, 2)
    assert.match(told.stderr, /agent\.json cannot be read \(EACCES\)/)
  })

  it('is told where a session could be kept', { skip }, async () => {
    const { code, stderr } = await execute(process.execPath, [MAIN, 'whoami'], {
      env: withoutHome(isolated()),
      cwd: '/',
      uid: NOBODY,
    })
    assert.equal(code, 2)
    assert.match(stderr, /^countersign: this account has no home .* XDG_CONFIG_HOME\.?\n$/)
  })

  it('takes no configuration from the folder it is in', async () => {
    await using end = await startVault()
    await using checkout = await temporaryFolder()
    const folder = join(checkout.path, '.config', 'countersign')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'agent.json'), JSON.stringify({ vault_url: end.url }))
    const { COUNTERSIGN_VAULT_URL: _, ...env } = installation(end.url, { HOME: '' }).env
    const { code } = await execute(process.execPath, [MAIN, ...ALICE, 'true'], {
      env: { ...env, COUNTERSIGN_CONFIG: '' },
      cwd: checkout.path,
    })
    assert.notEqual(code, 0)
    assert.deepEqual(end.calls, [])
  })

  it('looks for configuration in the installation only', async () => {
    const print = `console.log((await import(${JSON.stringify(SETTINGS)})).usualConfigPaths().join())`
    const env = isolated({ HOME: '' })
    const { stdout } = await execute(process.execPath, ['-e', print], { env, cwd: '/' })
    assert.equal(stdout.trim(), join(ROOT, 'data', 'agent.json'))
  })
})

function canBecome(uid: number): boolean {
  return process.getuid?.() === 0 && spawnSync('test', ['-r', MAIN], { uid }).status === 0
}
