import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { newRuntimeKey } from '../../src/runtimes/runtime-key.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { databaseTime } from '../harness/database-time.ts'
import { refusal } from '../harness/problems.ts'

/** What a sign of life of an agent leaves on its runtime. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, vault_url } = countersign
const { runtime, key } = await countersign.runtime()
const vault = runtimeClient(vault_url, key)
const seen = async () => (await admin.api.getRuntime({ params: { id: runtime.id } })).agent

test('who only asks once, as `countersign run` does, is no agent', async () => {
  await vault.getRuntimeView({ query: { person: 'ada@example.com' } })
  assert.equal(await seen(), null)
})

test('nor is who has no key', async () => {
  const query = { agent: '9.9.9' }
  const stranger = runtimeClient(vault_url, newRuntimeKey())
  await refusal(stranger.getRuntimeView({ query }), 'runtime-key-invalid')
  assert.equal(await seen(), null)
})

test('an agent is seen, with its version, on its own runtime', async () => {
  const other = await countersign.runtime()
  const before = await databaseTime(database)
  await vault.getRuntimeView({ query: { agent: '1.2.3' } })
  const { seen_at, version } = (await seen()) ?? assert.fail('it was not seen')
  assert.equal(version, '1.2.3')
  assert.ok(seen_at >= before && seen_at <= (await databaseTime(database)), seen_at)
  const { items } = await admin.api.listRuntimes({})
  assert.deepEqual(
    items.map(({ id, agent }) => [id, agent]),
    [
      [runtime.id, { seen_at, version }],
      [other.runtime.id, null],
    ],
  )
})

test('it is written down once in a while, and another version at once', async () => {
  const first = await seen()
  await vault.getRuntimeView({ query: { agent: '1.2.3' } })
  assert.deepEqual(await seen(), first)
  await vault.getRuntimeView({ query: { agent: '1.3.0' } })
  const second = await seen()
  assert.equal(second?.version, '1.3.0')

  await sql`update runtimes set agent_seen_at = agent_seen_at - interval '21 seconds'`.execute(
    database.db,
  )
  const before = await seen()
  await vault.getRuntimeView({ query: {} })
  assert.deepEqual(await seen(), before)
  await vault.getRuntimeView({ query: { agent: '1.3.0' } })
  const third = await seen()
  assert.equal(third?.version, '1.3.0')
  assert.ok((third?.seen_at ?? '') > (before?.seen_at ?? ''))
})
