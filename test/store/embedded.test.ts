import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { suite, type TestContext, test } from 'node:test'
import { Client } from 'pg'
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../src/store/embedded.ts'
import { testDatabase } from '../harness/postgres.ts'

const isRoot = process.getuid?.() === 0

suite('embedded PostgreSQL', () => {
  test('keeps data from one start to the next, durably', async (t) => {
    const folder = await privateFolder(t)
    {
      await using postgres = await startEmbeddedPostgres({ folder })
      await query(postgres, 'create table note (text text)')
      await query(postgres, "insert into note values ('kept')")
      assert.equal(await query(postgres, 'show fsync'), 'on')
      assert.equal(await query(postgres, 'show synchronous_commit'), 'on')
    }
    await using postgres = await startEmbeddedPostgres({ folder })
    assert.equal(await query(postgres, 'select text from note'), 'kept')
  })

  test('opens no port, and lets nobody in without the password', async (t) => {
    await using postgres = await start(t)
    assert.equal(await query(postgres, 'show listen_addresses'), '')
    const url = new URL(postgres.url)
    assert.equal((await stat(decodeURIComponent(url.hostname))).mode & 0o777, 0o700)
    url.password = 'guessed'
    await assert.rejects(query({ url: url.href }, 'select 1'), { code: '28P01' })
  })

  test('keeps its password and data from other users', async (t) => {
    const folder = await privateFolder(t)
    await using _postgres = await startEmbeddedPostgres({ folder })
    assert.equal((await stat(join(folder, 'password'))).mode & 0o777, 0o600)
    assert.equal((await stat(join(folder, 'cluster'))).mode & 0o777, 0o700)
  })

  test('gets no environment of ours', { skip: process.platform !== 'linux' }, async (t) => {
    process.env.COUNTERSIGN_TEST_SECRET = 'canary'
    t.after(() => delete process.env.COUNTERSIGN_TEST_SECRET)
    await using postgres = await start(t)
    assert.doesNotMatch(await readFile(`/proc/${postgres.pid}/environ`, 'utf8'), /canary/)
  })

  test('hands over its log, line by line', async (t) => {
    const lines: string[] = []
    await using _postgres = await start(t, { onLog: (line) => lines.push(line) })
    assert.ok(lines.includes('LOG:  database system is ready to accept connections'))
  })

  test('says when it has ended', async (t) => {
    await using postgres = await start(t)
    process.kill(postgres.pid, 'SIGKILL')
    assert.equal(await postgres.exited, null)
    await postgres.stop()
  })

  test('leaves nothing but its data when stopped', async (t) => {
    const folder = await privateFolder(t)
    const postgres = await startEmbeddedPostgres({ folder })
    await Promise.all([postgres.stop(), postgres.stop()])
    assert.deepEqual((await readdir(folder)).sort(), ['cluster', 'password', 'socket'])
    assert.deepEqual(await readdir(join(folder, 'socket')), [])
  })

  test('finds a place for its socket when the path of the folder is too long', async (t) => {
    const folder = join(await privateFolder(t), 'deep'.repeat(30))
    await using postgres = await startEmbeddedPostgres({ folder })
    const socketFolder = decodeURIComponent(new URL(postgres.url).hostname)
    assert.equal(await query(postgres, 'select 1'), 1)
    await postgres.stop()
    await assert.rejects(stat(socketFolder), { code: 'ENOENT' })
  })

  test('uses the loopback address when no path is short enough', async (t) => {
    const { TMPDIR } = process.env
    const folder = join(await privateFolder(t), 'deep'.repeat(30))
    process.env.TMPDIR = folder
    t.after(() => {
      delete process.env.TMPDIR
      Object.assign(process.env, TMPDIR === undefined ? {} : { TMPDIR })
    })
    await using postgres = await startEmbeddedPostgres({ folder })
    assert.equal(new URL(postgres.url).hostname, '127.0.0.1')
    assert.equal(await query(postgres, 'select 1'), 1)
  })

  test('runs for root below a folder that only root can enter', { skip: !isRoot }, async (t) => {
    const closed = await privateFolder(t)
    await chmod(closed, 0o700)
    await using postgres = await startEmbeddedPostgres({ folder: join(closed, 'data') })
    assert.equal(await query(postgres, 'select 1'), 1)
    assert.notEqual((await stat(`/proc/${postgres.pid}`)).uid, 0)
  })
})

suite('a second start', () => {
  test('is refused while the first runs, naming its process', async (t) => {
    const folder = await privateFolder(t)
    await using postgres = await startEmbeddedPostgres({ folder })
    await assert.rejects(startEmbeddedPostgres({ folder }), {
      name: 'EmbeddedPostgresError',
      code: 'in-use',
      message: new RegExp(`pid ${process.pid}\\b`),
    })
    assert.equal(await query(postgres, 'select 1'), 1)
  })

  test('of many at once, exactly one wins, also over a dead one', async (t) => {
    const folder = await privateFolder(t)
    await (await startEmbeddedPostgres({ folder })).stop()
    await pretendOwnerDied(folder)
    const children = await Promise.all(Array.from({ length: 6 }, () => startInChild(t, folder)))
    const outcomes = children.map(({ outcome }) => outcome)
    assert.equal(outcomes.filter((outcome) => outcome === 'in-use').length, 5, outcomes.join())
  })

  test('recovers after the first was killed', async (t) => {
    const folder = await privateFolder(t)
    const { child, outcome: url } = await startInChild(t, folder)
    await query({ url }, 'create table note (text text)')
    await query({ url }, "insert into note values ('committed')")
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    await using postgres = await startEmbeddedPostgres({ folder })
    assert.equal(await query(postgres, 'select text from note'), 'committed')
  })

  test('recovers after PostgreSQL itself was killed', async (t) => {
    const folder = await privateFolder(t)
    const first = await startEmbeddedPostgres({ folder })
    await query(first, 'create table note (text text)')
    process.kill(first.pid, 'SIGKILL')
    await first.exited
    await using postgres = await startEmbeddedPostgres({ folder })
    assert.equal(await query(postgres, 'select count(*)::int from note'), 0)
  })

  test('shuts down what a dead owner left running', async (t) => {
    const folder = await privateFolder(t)
    const orphan = await startEmbeddedPostgres({ folder })
    await pretendOwnerDied(folder)
    await using postgres = await startEmbeddedPostgres({ folder })
    assert.equal(await orphan.exited, 0)
    assert.equal(await query(postgres, 'select 1'), 1)
  })

  test('leaves a PostgreSQL alone that somebody else started', async (t) => {
    const folder = await privateFolder(t)
    const settings = { cluster_name: 'somebody' }
    await using other = await startEmbeddedPostgres({ folder, settings })
    await pretendOwnerDied(folder)
    await assert.rejects(startEmbeddedPostgres({ folder }), {
      code: 'in-use',
      message: new RegExp(`pid ${other.pid}\\b`),
    })
    assert.equal(await query(other, 'select 1'), 1)
  })

  test('is not misled by a pid that another program has now', async (t) => {
    const folder = await privateFolder(t)
    await (await startEmbeddedPostgres({ folder })).stop()
    await writeFile(join(folder, 'countersign.pid'), `{"pid":${process.pid},"started":"earlier"}`)
    await writeFile(join(folder, 'cluster', 'postmaster.pid'), `${process.pid}\n`)
    await using postgres = await startEmbeddedPostgres({ folder })
    assert.equal(await query(postgres, 'select 1'), 1)
  })

  test('begins again after a first start that was cut short', async (t) => {
    const folder = await privateFolder(t)
    await mkdir(join(folder, 'cluster.new-abcdef', 'base'), { recursive: true })
    await writeFile(join(folder, 'countersign.pid'), '')
    await using postgres = await startEmbeddedPostgres({ folder })
    assert.equal(await query(postgres, 'select 1'), 1)
    assert.ok(!(await readdir(folder)).some((name) => name.startsWith('cluster.new-')))
  })
})

suite('a start that cannot work says why', () => {
  test('data of a newer PostgreSQL', async (t) => {
    const folder = await privateFolder(t)
    await (await startEmbeddedPostgres({ folder })).stop()
    await writeFile(join(folder, 'cluster', 'PG_VERSION'), '99\n')
    await assert.rejects(startEmbeddedPostgres({ folder }), {
      code: 'incompatible-version',
      message: /PostgreSQL 99/,
    })
    await assert.rejects(stat(join(folder, 'countersign.pid')), { code: 'ENOENT' })
  })

  test('a folder that cannot be made', async (t) => {
    const file = join(await privateFolder(t), 'file')
    await writeFile(file, '')
    const folder = join(file, 'data')
    await assert.rejects(startEmbeddedPostgres({ folder }), {
      code: 'unwritable',
      message: new RegExp(`${folder}.*ENOTDIR`),
    })
  })

  test('a lost password', async (t) => {
    const folder = await privateFolder(t)
    await (await startEmbeddedPostgres({ folder })).stop()
    await rm(join(folder, 'password'))
    await assert.rejects(startEmbeddedPostgres({ folder }), { message: /password is missing/ })
  })

  test('a setting that PostgreSQL does not know', async (t) => {
    const folder = await privateFolder(t)
    await assert.rejects(startEmbeddedPostgres({ folder, settings: { no_such: 'thing' } }), {
      code: 'failed',
      message: /no_such/,
    })
  })
})

suite('a test database', () => {
  test('is empty and its own', async () => {
    await using one = await testDatabase()
    await using other = await testDatabase()
    await query(one, 'create table note (text text)')
    await assert.rejects(query(other, 'select * from note'), { code: '42P01' })
  })
})

async function start(
  t: TestContext,
  options: Omit<EmbeddedPostgresOptions, 'folder'> = {},
): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ ...options, folder: await privateFolder(t) })
}

async function privateFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  await chmod(folder, 0o755)
  t.after(() => rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }))
  return folder
}

/** A lock whose holder's pid is in use, but by a process that started at another time. */
async function pretendOwnerDied(folder: string): Promise<void> {
  await writeFile(join(folder, 'countersign.pid'), '{"pid":1,"started":"before the flood"}')
}

/** The outcome is the URL, or the code of the error. */
async function startInChild(t: TestContext, folder: string) {
  const module = new URL('../../src/store/embedded.ts', import.meta.url).href
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(module)})
    const started = startEmbeddedPostgres({ folder: ${JSON.stringify(folder)} })
    console.log(await started.then(({ url }) => url, ({ code }) => code))`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) {
      await once(child, 'exit')
    }
  })
  const [outcome] = await once(createInterface({ input: child.stdout }), 'line')
  return { child, outcome: String(outcome) }
}

/** The first column of the first row. */
async function query({ url }: { url: string }, sql: string): Promise<unknown> {
  const client = new Client(url)
  await client.connect()
  try {
    const { rows } = await client.query({ text: sql, rowMode: 'array' })
    return rows[0]?.[0]
  } finally {
    await client.end()
  }
}
