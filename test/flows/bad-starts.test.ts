import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { sql } from 'kysely'
import { generateVaultKey } from '../../src/seal/keys.ts'
import { openDatabase } from '../../src/store/database.ts'
import { processStart } from '../../src/store/embedded-lock.ts'
import { migrate } from '../../src/store/migrate.ts'
import { joinAs } from '../harness/person.ts'
import { testDatabase } from '../harness/postgres.ts'
import { startProgram } from '../harness/program.ts'
import { freePorts, sandboxToken } from '../harness/up.ts'

const READY = /Countersign is ready/
const PORTS = ['COUNTERSIGN_PORT', 'COUNTERSIGN_VAULT_PORT', 'COUNTERSIGN_SANDBOX_PORT'] as const
const isRoot = process.getuid?.() === 0
const noMounts = isRoot ? undefined : 'only root can make a small disk'

suite('a first and a second start', () => {
  test('Ctrl-C ends everything, and the next start finds it as it was', async (t) => {
    const data = await temporaryFolder(t)
    const settings = { ...(await freePorts()), COUNTERSIGN_DATA: data }
    const sandbox = `http://127.0.0.1:${settings.COUNTERSIGN_SANDBOX_PORT}`
    await using first = startProgram('up', settings)
    const [, page_url = '', invite = ''] = await first.says(/Open this once\s+(\S+)\/invite#(\S+)/)
    await first.says(/Ctrl-C/)
    const ada = await joinAs(page_url, invite, 'ada')
    const { items } = await ada.api.listAccess({})
    const [{ runtime, provider } = assert.fail('no row for runtime local')] = items
    assert.equal(runtime.name, 'local')
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    const added = await ada.addToken(row, await sandboxToken(sandbox))
    assert.equal(added.status, 'accepted', added.problem?.detail)
    const before = await ada.access(runtime.id)
    const kept = ['vault.key', 'session.secret', 'runtime-local.key', 'agent.json']
    const filesBefore = await Promise.all(kept.map((name) => readFile(join(data, name), 'utf8')))

    first.signal('SIGINT')
    const { code, stderr } = await first.ended
    assert.equal(stderr, '')
    assert.equal(code, 0)
    await assertNoPostgres(data)

    await using second = startProgram('up', settings)
    const [screen] = await second.says(/Countersign is ready[\s\S]*Ctrl-C/)
    assert.doesNotMatch(screen, /Open this once/)
    assert.match(screen, /^ {2}Try in another terminal:\n.*--as ada@example\.com/m)
    assert.deepEqual(await ada.access(runtime.id), before)
    assert.equal((await ada.checkNow(runtime.id)).status, 'valid')
    assert.deepEqual(
      await Promise.all(kept.map((name) => readFile(join(data, name), 'utf8'))),
      filesBefore,
    )
    second.signal('SIGTERM')
    assert.equal((await second.ended).code, 0)
    await assertNoPostgres(data)
  })

  test('Ctrl-C while it starts ends it too', async (t) => {
    const data = await temporaryFolder(t)
    await using program = startProgram('up', { ...(await freePorts()), COUNTERSIGN_DATA: data })
    await program.says(/Starting the database/)
    program.signal('SIGINT')
    assert.equal((await program.ended).code, 0)
    await assertNoPostgres(data)
  })

  test('two on the same data folder: the second says who has it', async (t) => {
    const data = await temporaryFolder(t)
    await using first = startProgram('up', { ...(await freePorts()), COUNTERSIGN_DATA: data })
    await first.says(READY)
    const settings = { ...(await freePorts()), COUNTERSIGN_DATA: data }
    assert.match(await refusal('up', settings), /pid \d+/)
    first.signal('SIGINT')
    assert.equal((await first.ended).code, 0)
  })

  test('of many roles at once on one empty database all come up', async (t) => {
    await using database = await testDatabase()
    const common = {
      DATABASE_URL: database.url,
      COUNTERSIGN_DATA: await temporaryFolder(t),
      COUNTERSIGN_SESSION_SECRET: 'x'.repeat(32),
      COUNTERSIGN_VAULT_KEY: (await generateVaultKey()).private_key,
    }
    await using programs = new AsyncDisposableStack()
    const roles = ['server', 'vault', 'server', 'vault']
    const started = await Promise.all(
      roles.map(async (role) =>
        programs.use(startProgram(role, { ...common, ...(await freePorts()) })),
      ),
    )
    await Promise.all(started.map((program) => program.says(/ ready"/)))
    for (const program of started) program.signal('SIGTERM')
    const ends = await Promise.all(started.map((program) => program.ended))
    assert.deepEqual(
      ends.map(({ code }) => code),
      [0, 0, 0, 0],
    )
  })
})

suite('a port that is in use', () => {
  for (const name of PORTS) {
    test(name, async (t) => {
      const data = await temporaryFolder(t)
      const ports = await freePorts()
      const other = createServer().listen(Number(ports[name]), '127.0.0.1')
      await once(other, 'listening')
      t.after(() => other.close())
      const sentence = await refusal('up', { ...ports, COUNTERSIGN_DATA: data })
      assert.match(sentence, new RegExp(`port ${ports[name]}\\b.*\\b${name}\\.$`))
      await assertNoPostgres(data)
    })
  }
})

suite('data that this start cannot use', () => {
  test('of a newer version', async (t) => {
    await using database = await testDatabase()
    const { url } = database
    {
      await using open = openDatabase(url, { max: 2, onError: () => {} })
      await migrate(open)
      await sql`insert into kysely_migration (name, timestamp)
        values ('9999-from-tomorrow', '2099-01-01')`.execute(open.db)
    }
    const settings = { ...(await freePorts()), COUNTERSIGN_DATA: await temporaryFolder(t) }
    const sentence = await refusal('up', { ...settings, DATABASE_URL: url })
    assert.match(sentence, /newer version.*9999-from-tomorrow/)
  })

  test('sealed to another vault key, which it names', async (t) => {
    await using database = await testDatabase()
    const [right, wrong] = await Promise.all([generateVaultKey(), generateVaultKey()])
    const data = await temporaryFolder(t)
    const common = { DATABASE_URL: database.url, COUNTERSIGN_DATA: data, ...(await freePorts()) }
    function withKey(COUNTERSIGN_VAULT_KEY: string) {
      return { ...common, COUNTERSIGN_VAULT_KEY }
    }
    await using vault = startProgram('vault', withKey(right.private_key))
    await vault.says(/vault ready/)
    vault.signal('SIGTERM')
    assert.equal((await vault.ended).code, 0)
    const sentence = await refusal('vault', withKey(wrong.private_key))
    const [needed, given] = sentence.match(/vault key (\S+) .* with key (\S+)\./)?.slice(1) ?? []
    assert.equal(needed, right.key_id)
    assert.equal(given, wrong.key_id)
    assert.match(await refusal('vault', withKey('csk_damaged')), /vault key is damaged/)
  })

  test('whose vault key file was exchanged', async (t) => {
    const data = await temporaryFolder(t)
    await using database = await testDatabase()
    const settings = { ...(await freePorts()), COUNTERSIGN_DATA: data, DATABASE_URL: database.url }
    {
      await using program = startProgram('up', settings)
      await program.says(READY)
      program.signal('SIGINT')
      await program.ended
    }
    const { key_id, private_key } = await generateVaultKey()
    await writeFile(join(data, 'vault.key'), `${private_key}\n`)
    assert.match(await refusal('up', settings), new RegExp(`with key ${key_id}\\.`))
  })
})

suite('pages that are not built', () => {
  for (const role of ['server', 'up']) {
    test(`${role} does not start, and leaves the database as it was`, async (t) => {
      await using database = await testDatabase()
      const folder = await temporaryFolder(t)
      const settings = { ...(await freePorts()), COUNTERSIGN_DATA: folder }
      const env = {
        ...settings,
        DATABASE_URL: database.url,
        COUNTERSIGN_SESSION_SECRET: 'x'.repeat(32),
      }
      const call = { version: '0', pages_folder: join(folder, 'dist'), env }
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['--input-type=module', '--eval', runRoleOf(role, call)],
        { encoding: 'utf8', timeout: 60_000 },
      )
      assert.deepEqual([status, stdout], [1, ''], stderr)
      assert.match(stderr, /^countersign: The pages are not built\. Run `npm run build` .*\.\n$/)
      await using open = openDatabase(database.url, { max: 1, onError: () => {} })
      const { rows } = await sql`select from pg_tables where schemaname = 'public'`.execute(open.db)
      assert.equal(rows.length, 0)
    })
  }
})

suite('a data folder that cannot be used', () => {
  test('a file is in its way', async (t) => {
    const file = join(await temporaryFolder(t), 'file')
    await writeFile(file, '')
    for (const data of [file, join(file, 'below')]) {
      const sentence = await refusal('up', { ...(await freePorts()), COUNTERSIGN_DATA: data })
      assert.match(sentence, new RegExp(`${file}.*in its way`))
    }
  })

  test('it cannot be written', { skip: noMounts }, async (t) => {
    const disk = await temporaryDisk(t, 'ro')
    for (const data of [disk, join(disk, 'below')]) {
      const sentence = await refusal('up', { ...(await freePorts()), COUNTERSIGN_DATA: data })
      assert.match(sentence, new RegExp(`${disk}.*cannot be used .*read-only`))
    }
  })

  test('its disk is full: once there is room, the start goes on', { skip: noMounts }, async (t) => {
    const disk = await temporaryDisk(t, 'size=12m')
    const data = join(disk, 'data')
    const settings = { ...(await freePorts()), COUNTERSIGN_DATA: data }
    assert.match(await refusal('up', settings), /disk.* full/)
    await assertNoPostgres(data)
    const left = await readdir(join(data, 'postgres'))
    assert.deepEqual(
      left.filter((name) => name.startsWith('cluster')),
      [],
    )

    mounted(['-o', 'remount,size=1g', disk])
    await using program = startProgram('up', settings)
    await program.says(READY)
    program.signal('SIGINT')
    assert.equal((await program.ended).code, 0)
  })
})

suite('settings that cannot be used', { concurrency: 2 }, () => {
  const cases: [role: string, settings: Record<string, string>, says: RegExp][] = [
    ['up', { COUNTERSIGN_PORT: 'eighty' }, /COUNTERSIGN_PORT is "eighty"/],
    ['up', { COUNTERSIGN_VAULT_PORT: '65536' }, /COUNTERSIGN_VAULT_PORT is "65536"/],
    ['up', { COUNTERSIGN_SANDBOX_PORT: '-1' }, /COUNTERSIGN_SANDBOX_PORT is "-1"/],
    ['up', { COUNTERSIGN_PAGE_URL: 'pages' }, /COUNTERSIGN_PAGE_URL is "pages"/],
    ['up', { COUNTERSIGN_LOG_LEVEL: 'loud' }, /COUNTERSIGN_LOG_LEVEL is "loud".*trace/],
    [
      'up',
      { COUNTERSIGN_TRUST_PROXY: 'maybe' },
      /COUNTERSIGN_TRUST_PROXY is "maybe".*no, the number/,
    ],
    ['up', { COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: '0' }, /PROVIDER_TIMEOUT_SECONDS is "0"/],
    ['up', { COUNTERSIGN_REQUEST_TIMEOUT_SECONDS: 'soon' }, /REQUEST_TIMEOUT_SECONDS is "soon"/],
    ['up', { COUNTERSIGN_HOST: '203.0.113.7' }, /203\.0\.113\.7.*COUNTERSIGN_HOST/],
    ['up', { COUNTERSIGN_HOST: 'host.invalid' }, /host\.invalid.*COUNTERSIGN_HOST/],
    ['up', { DATABASE_URL: 'mysql://u:hunter2@localhost/x' }, /DATABASE_URL must look like/],
    ['up', { DATABASE_URL_FILE: '/nowhere/url' }, /\/nowhere\/url does not exist/],
    ['up', { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x' }, /database does not answer/],
    ['up', { DATABASE_URL: 'postgres://u:hunter2@host.invalid/x' }, /host in DATABASE_URL/],
    ['server', {}, /Set DATABASE_URL/],
    ['vault', { DATABASE_URL: '' }, /Set DATABASE_URL/],
  ]
  for (const [role, settings, says] of cases) {
    test(`${role} ${JSON.stringify(settings)}`, async (t) => {
      const data = await temporaryFolder(t)
      const all = { ...(await freePorts()), COUNTERSIGN_DATA: data, ...settings }
      const sentence = await refusal(role, all)
      assert.match(sentence, says)
      assert.doesNotMatch(sentence, /hunter2/)
    })
  }

  test('a session secret that is short', async (t) => {
    await using database = await testDatabase()
    const settings = {
      DATABASE_URL: database.url,
      COUNTERSIGN_DATA: await temporaryFolder(t),
      COUNTERSIGN_SESSION_SECRET: 'short',
    }
    const sentence = await refusal('server', { ...(await freePorts()), ...settings })
    assert.match(sentence, /COUNTERSIGN_SESSION_SECRET.*32/)
  })

  test('a database that is not there, and a password that is wrong', async (t) => {
    await using database = await testDatabase()
    const data = await temporaryFolder(t)
    const start = async (change: (url: URL) => void) => {
      const url = new URL(database.url)
      change(url)
      const settings = { ...(await freePorts()), COUNTERSIGN_DATA: data, DATABASE_URL: url.href }
      return await refusal('up', settings)
    }
    const missing = await start((url) => {
      url.pathname = '/no_such_database'
    })
    assert.match(missing, /does not exist/)
    const wrong = await start((url) => {
      url.password = 'hunter2'
    })
    assert.match(wrong, /user and password/)
  })

  test('an empty one counts as absent', async (t) => {
    const data = await temporaryFolder(t)
    const settings = { ...(await freePorts()), COUNTERSIGN_DATA: data, COUNTERSIGN_HOST: '' }
    await using database = await testDatabase()
    await using program = startProgram('up', { ...settings, DATABASE_URL: database.url })
    await program.says(READY)
    const { COUNTERSIGN_VAULT_PORT: port } = settings
    assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200)
    await assert.rejects(fetch(`http://[::1]:${port}/healthz`))
  })
})

/** The one sentence with which a start ends. */
async function refusal(role: string, settings: Record<string, string>): Promise<string> {
  await using program = startProgram(role, settings)
  const { code, stderr } = await program.ended
  const said = stderr.split('\n').filter((line) => !line.startsWith('{'))
  assert.deepEqual([said.length, said[1]], [2, ''], stderr)
  assert.match(said[0] ?? '', /^countersign: \S.*\.$/)
  assert.equal(code, 1)
  return said[0] ?? ''
}

/** The program of another process: a role that looks for its pages elsewhere. */
function runRoleOf(role: string, call: object): string {
  const module = join(import.meta.dirname, '..', '..', 'src', 'roles', 'run-role.ts')
  return `import { runRole } from ${JSON.stringify(module)}
    process.exitCode = await runRole(${JSON.stringify(role)}, ${JSON.stringify(call)})`
}

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-start-'))
  await chmod(folder, 0o755)
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  return folder
}

/** A disk of its own, in memory. */
async function temporaryDisk(t: TestContext, options: string): Promise<string> {
  const disk = await mkdtemp(join(tmpdir(), 'countersign-disk-'))
  mounted(['-t', 'tmpfs', '-o', `${options},mode=755`, 'tmpfs', disk])
  t.after(async () => {
    spawnSync('umount', ['--lazy', disk])
    await rm(disk, { recursive: true })
  })
  return disk
}

function mounted(args: string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

/** No PostgreSQL runs on this data, and none says that it does. */
async function assertNoPostgres(data: string): Promise<void> {
  const lock = join(data, 'postgres', 'countersign.pid')
  await assert.rejects(stat(lock), { code: 'ENOENT' })
  const file = join(data, 'postgres', 'cluster', 'postmaster.pid')
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text !== undefined) assert.equal(processStart(Number.parseInt(text, 10)), undefined)
}
