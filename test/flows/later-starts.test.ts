import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { runtimeClient } from '../harness/countersign.ts'
import { joinAs, type PersonClient } from '../harness/person.ts'
import { freePort } from '../harness/ports.ts'
import { testDatabase } from '../harness/postgres.ts'
import { type Program, startProgram } from '../harness/program.ts'

const READY = /Countersign is ready.*Ctrl-C/s

suite('a later start of the same data folder', () => {
  test('with another sandbox port: what the screen prints works', async (t) => {
    const data = await temporaryFolder(t)
    await using database = await testDatabase()
    const settings = { ...(await freePorts()), COUNTERSIGN_DATA: data, DATABASE_URL: database.url }
    const ada = await started(settings, async (program) => await firstVisitor(program))
    const moved = String(await freePort())
    await started({ ...settings, COUNTERSIGN_SANDBOX_PORT: moved }, async () => {
      const { items } = await ada.api.listProviders({ query: {} })
      assert.deepEqual(
        items.map(({ name, base_url }) => [name, base_url]),
        [['Sandbox forge', `http://127.0.0.1:${moved}`]],
      )
      assert.deepEqual(await hostsOfLocal(data), [`127.0.0.1:${moved}`])
      const { items: actions } = await ada.api.listAudit({ query: {} })
      assert.ok(actions.some(({ action }) => action === 'provider.move'))
    })
  })

  test('with another database, and with the first one again', async (t) => {
    const data = await temporaryFolder(t)
    await using first = await testDatabase()
    await using second = await testDatabase()
    const settings = { ...(await freePorts()), COUNTERSIGN_DATA: data }
    const host = `127.0.0.1:${settings.COUNTERSIGN_SANDBOX_PORT}`
    const keys = new Set<string>()
    // At the fourth start the first database has two keys that are not here.
    for (const { url } of [first, second, first, second, first, second]) {
      await started({ ...settings, DATABASE_URL: url }, async () => {
        assert.deepEqual(await hostsOfLocal(data), [host])
        keys.add(await readFile(join(data, 'runtime-local.key'), 'utf8'))
      })
    }
    assert.equal(keys.size, 6)
  })

  test('keeps its secrets from other users', async (t) => {
    const data = await temporaryFolder(t)
    await using database = await testDatabase()
    const settings = { ...(await freePorts()), COUNTERSIGN_DATA: data, DATABASE_URL: database.url }
    await started(settings, async () => {
      for (const name of ['vault.key', 'session.secret', 'runtime-local.key']) {
        assert.equal((await stat(join(data, name))).mode & 0o777, 0o600, name)
      }
    })
  })
})

suite('countersign up', () => {
  test('a second one with the same ports says who has the folder', async (t) => {
    const data = await temporaryFolder(t)
    await using database = await testDatabase()
    const settings = { ...(await freePorts()), COUNTERSIGN_DATA: data, DATABASE_URL: database.url }
    await started(settings, async () => {
      await using second = startProgram('up', settings)
      const { code, stderr } = await second.ended
      assert.equal(code, 1)
      assert.match(stderr, /^countersign: A running Countersign, .* pid \d+, uses this data folder/)
    })
  })

  test('ends with a sentence when its PostgreSQL has ended', async (t) => {
    const data = await temporaryFolder(t)
    await using program = startProgram('up', { ...(await freePorts()), COUNTERSIGN_DATA: data })
    await program.says(READY)
    const pid = await readFile(join(data, 'postgres', 'cluster', 'postmaster.pid'), 'utf8')
    process.kill(Number.parseInt(pid, 10), 'SIGKILL')
    const { code, stderr } = await program.ended
    assert.equal(code, 1)
    assert.equal(
      stderr,
      'countersign: The database has ended by itself. Start again: it finds what was saved.\n',
    )
  })
})

/** Runs `countersign up` for as long as `work` takes. */
async function started<T>(
  settings: Record<string, string>,
  work: (program: Program) => Promise<T>,
): Promise<T> {
  await using program = startProgram('up', settings)
  await program.says(READY)
  const result = await work(program)
  program.signal('SIGINT')
  assert.equal((await program.ended).code, 0)
  return result
}

async function firstVisitor(program: Program): Promise<PersonClient> {
  const [, page_url = '', invite = ''] = await program.says(/Open this once\s+(\S+)\/invite#(\S+)/)
  return await joinAs(page_url, invite, 'ada')
}

/** The Git hosts that the vault names to `countersign run`, with the settings that it finds. */
async function hostsOfLocal(data: string): Promise<string[]> {
  const { vault_url } = JSON.parse(await readFile(join(data, 'agent.json'), 'utf8'))
  const key = (await readFile(join(data, 'runtime-local.key'), 'utf8')).trim()
  const view = await runtimeClient(vault_url, key).getRuntimeView({ query: {} })
  return view.providers.map(({ base_url }) => new URL(base_url).host)
}

async function freePorts() {
  return {
    COUNTERSIGN_PORT: String(await freePort()),
    COUNTERSIGN_VAULT_PORT: String(await freePort()),
    COUNTERSIGN_SANDBOX_PORT: String(await freePort()),
  }
}

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-start-'))
  await chmod(folder, 0o755)
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  return folder
}
