import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type KyselyPlugin, sql } from 'kysely'
import { openVaultClient } from '../../src/agent/vault-client.ts'
import { startLocalAgent } from '../../src/roles/local-agent.ts'
import { createLog } from '../../src/roles/log.ts'
import { gitCredential, temporaryFolder } from '../agent/git-end.ts'
import { startCountersign } from '../harness/countersign.ts'
import { until } from '../harness/until.ts'
import { sandboxToken, startUp } from '../harness/up.ts'

test('countersign up answers Git at a socket of each person, from their authorization on', async () => {
  await using up = await startUp()
  const { ada, row, data, program } = up
  const asked = { protocol: 'http', host: new URL(up.sandbox_url).host, path: 'alice/hello.git' }
  assert.deepEqual(await readdir(join(data, 'agent')), [])

  const token = await sandboxToken(up.sandbox_url)
  await ada.addToken(row, token)
  const socket_path = await up.socketOf('ada@example.com')
  assert.equal((await stat(socket_path)).mode & 0o777, 0o600)
  const filled = await gitCredential('fill', socket_path, asked)
  assert.match(filled.stdout, new RegExp(`^password=${token}$`, 'm'))

  const { items } = await ada.api.listAudit({ query: { limit: 20 } })
  const issued = items.find(({ action }) => action === 'credential.issue')
  assert.equal(issued?.actor.name, 'local')
  assert.equal(issued?.subject, `http://${asked.host}/${asked.path} as ada@example.com`)

  const { authorization } = await ada.access(row.runtime_id)
  await ada.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
  const refused = await gitCredential('fill', socket_path, asked)
  assert.equal(refused.code, 128)
  assert.match(refused.stderr, /told us to quit/)

  program.signal('SIGTERM')
  assert.equal((await program.ended).code, 0)
  assert.deepEqual(await readdir(join(data, 'agent')), [])
})

test('a key of runtime local that is put into the data folder is used without another start', async () => {
  await using up = await startUp()
  const { ada, row, data } = up
  const asked = { protocol: 'http', host: new URL(up.sandbox_url).host, path: 'alice/hello.git' }
  await ada.addToken(row, await sandboxToken(up.sandbox_url))
  const socket_path = await up.socketOf('ada@example.com')
  const params = { id: row.runtime_id }
  const { key } = await ada.api.createRuntimeKey({ params })
  const [, older] = (await ada.api.getRuntime({ params })).keys
  await ada.api.deleteRuntimeKey({ params: { ...params, key_id: older?.id ?? '' } })
  assert.equal((await gitCredential('fill', socket_path, asked)).code, 128)

  await writeFile(join(data, 'runtime-local.key'), `${key}\n`)
  const filled = await gitCredential('fill', socket_path, asked)
  assert.equal(filled.code, 0, filled.stderr)
})

/** A runtime, and its agent beside the vault with its sockets in a folder of its own. */
async function runtimeWithAgent() {
  await using resources = new AsyncDisposableStack()
  const countersign = resources.use(await startCountersign())
  const { admin, database, forge, provider, vault_url } = countersign
  const { runtime, key } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const folder = resources.use(await temporaryFolder())
  const vault = resources.use(openVaultClient({ vault_url, runtime_key: key }))
  let queries = 0
  const counting: KyselyPlugin = {
    transformQuery({ node }) {
      queries += 1
      return node
    },
    transformResult: async ({ result }) => result,
  }
  const log = createLog('trace', { write: (line) => void countersign.logged.push(line) })
  const kept = resources.move()
  return {
    admin,
    countersign,
    folder: folder.path,
    authorize: async (person = admin) => person.addToken(row, await forge.token()),
    start: () =>
      startLocalAgent(
        { ...database, db: database.db.withPlugin(counting) },
        {
          vault,
          socket_folder: folder.path,
          version: '0.0.0-test',
          signal: new AbortController().signal,
          log,
        },
      ),
    queries: () => queries,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

test('of many changes that come while people are read, they are read once more', async () => {
  await using scene = await runtimeWithAgent()
  const { database, person } = scene.countersign
  const agent = await scene.start()
  assert.equal(scene.queries(), 1)
  const { id } = scene.admin.person
  await sql`select pg_notify('countersign_changes', json_build_object('name', 'access',
    'owner_id', ${id}::text, 'id', number::text)::text) from generate_series(1, 200) as number`.execute(
    database.db,
  )
  const bob = await person('bob')
  await scene.authorize(bob)
  await until('a socket for bob', async () =>
    (await readdir(scene.folder)).includes('bob@example.com'),
  )
  await agent[Symbol.asyncDispose]()
  assert.ok(scene.queries() < 20, `${scene.queries()} queries`)
})

const noMounts = process.getuid?.() === 0 ? undefined : 'only root can mount'

test('one whose socket cannot be opened keeps nobody else from theirs', {
  skip: noMounts,
}, async () => {
  await using scene = await runtimeWithAgent()
  const { folder } = scene
  await scene.authorize()
  await scene.authorize(await scene.countersign.person('bob'))
  const stuck = join(folder, 'ada@example.com')
  await mkdir(stuck)
  assert.equal(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', stuck]).status, 0)
  try {
    await using _agent = await scene.start()
    assert.ok((await stat(join(folder, 'bob@example.com', 'socket'))).isSocket())
    assert.ok(scene.countersign.logged.some((line) => line.includes('no socket')))
  } finally {
    spawnSync('umount', ['--lazy', stuck])
  }
})
