import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { openPersonSocket } from '../../src/agent/person-socket.ts'
import { openVaultClient } from '../../src/agent/vault-client.ts'
import { readSettings } from '../../src/cli/settings.ts'
import { gitCredential, temporaryFolder } from '../agent/git-end.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { refusal } from '../harness/problems.ts'

const DAY_MS = 86_400_000

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, provider, vault_url } = countersign
const { api } = admin
const { host } = new URL(forge.url)

/** A runtime that ada has authorized, and what its keys do. */
async function newRuntime() {
  const { runtime, key } = await countersign.runtime()
  const { id } = runtime
  const added = await admin.addToken(
    { runtime_id: id, provider_id: provider.id },
    await forge.token(),
  )
  assert.equal(added.status, 'accepted')
  return {
    id,
    key,
    keys: async () => (await api.getRuntime({ params: { id } })).keys,
    rotate: async () => (await api.createRuntimeKey({ params: { id } })).key,
    revoke: (key_id = '') => api.deleteRuntimeKey({ params: { id, key_id } }),
  }
}

const body = { person: admin.person.email, protocol: 'http', host } as const
const use = (key: string) => runtimeClient(vault_url, key).issueCredential({ body })

async function assertOver(key: string): Promise<void> {
  await refusal(use(key), 'runtime-key-invalid')
  await refusal(runtimeClient(vault_url, key).getRuntimeView({ query: {} }), 'runtime-key-invalid')
}

/** As if the day in which both keys work were over. */
async function endOverlap(runtime_id: string): Promise<void> {
  await sql`update runtime_keys set expires_at = now()
    where runtime_id = ${runtime_id} and expires_at is not null`.execute(database.db)
}

test('after a rotation both keys work for a day, and then only the new one', async () => {
  const { id, key, keys, rotate } = await newRuntime()
  const next = await rotate()
  const [newer, older, ...more] = await keys()
  assert.deepEqual(more, [])
  assert.deepEqual([newer?.hint, older?.hint], [next.slice(-4), key.slice(-4)])
  assert.equal(newer?.expires_at, null)
  const overlap = Date.parse(older?.expires_at ?? '') - Date.parse(newer?.created_at ?? '')
  assert.equal(overlap, DAY_MS)
  assert.equal((await use(key)).password, (await use(next)).password)

  await endOverlap(id)
  await assertOver(key)
  await use(next)
  assert.deepEqual(await keys(), [newer])
})

test('there are two at most; a third is made when one has ended', async () => {
  const { id, key, keys, rotate } = await newRuntime()
  const next = await rotate()
  const before = await keys()
  await refusal(rotate(), 'runtime-keys-full')
  assert.deepEqual(await keys(), before)
  await use(key)
  await use(next)

  await endOverlap(id)
  const third = await rotate()
  await assertOver(key)
  await use(next)
  await use(third)
})

test('the only key stays', async () => {
  const { key, keys, revoke } = await newRuntime()
  const [only] = await keys()
  await refusal(revoke(only?.id), 'runtime-key-last')
  assert.deepEqual(await keys(), [only])
  await use(key)
})

test('a new key that is revoked leaves the old one, without an end', async () => {
  const { id, key, keys, rotate, revoke } = await newRuntime()
  const next = await rotate()
  await use(next)
  const [newer, older] = await keys()
  await revoke(newer?.id)
  await assertOver(next)
  assert.deepEqual(await keys(), [{ ...older, expires_at: null }])
  await endOverlap(id)
  await use(key)
})

test('one that has ended, was revoked or is of another runtime is not there', async () => {
  const { id, keys, rotate, revoke } = await newRuntime()
  await rotate()
  const [newer, older] = await keys()
  const other = await newRuntime()
  await other.rotate()
  await refusal(other.revoke(older?.id), 'not-found')
  await endOverlap(id)
  await refusal(revoke(older?.id), 'not-found')
  await refusal(revoke(newer?.id), 'runtime-key-last')
  await rotate()
  await revoke(newer?.id)
  await refusal(revoke(newer?.id), 'not-found')
})

test('an agent goes on with the new key in its file, once the old one has ended', async () => {
  const { key, keys, rotate, revoke } = await newRuntime()
  await using folder = await temporaryFolder()
  const key_file = join(folder.path, 'key')
  await writeFile(key_file, key)
  const settings = await readSettings({
    flags: { vault: vault_url, 'runtime-key-file': key_file },
    env: {},
    config_paths: [],
  })
  await using vault = openVaultClient(settings)
  const acts_for = { person: admin.person.email }
  const sockets = { socket_folder: join(folder.path, 'sockets'), onRefusal: () => {} }
  await using socket = await openPersonSocket({ ...sockets, vault, acts_for })
  const fill = () => gitCredential('fill', socket.socket_path, { protocol: 'http', host })
  assert.equal((await fill()).code, 0)

  const next = await rotate()
  const [, older] = await keys()
  await writeFile(key_file, `${next}\n`)
  await revoke(older?.id)
  await assertOver(key)
  assert.equal((await fill()).code, 0)
})
