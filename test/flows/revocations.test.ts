import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { removeFinished } from '../../src/jobs/remove-finished.ts'
import { startCountersign } from '../harness/countersign.ts'
import { ALICE, authorized } from '../harness/granted.ts'
import { authorizeWithOAuth, beginOAuth } from '../harness/oauth.ts'
import { until } from '../harness/until.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database } = countersign
const { db } = database
const { row } = await authorized(countersign)

/** A grant that its Git host has not been told about yet, as a host that is away leaves it. */
async function pending(client_row_id: string, age_days = 0): Promise<string> {
  const id = randomUUID()
  const client = await db
    .selectFrom('clients')
    .selectAll()
    .where('id', '=', client_row_id)
    .executeTakeFirstOrThrow()
  const { provider_id, client_id, client_secret_box } = client
  const app = { provider_id, client_row_id, client_id, client_secret_box }
  await db
    .insertInto('revocations')
    .values({
      id,
      row_id: id,
      owner_id: admin.person.id,
      ...app,
      account_login: 'alice',
      box: 'box',
      created_at: new Date(Date.now() - age_days * 86_400_000),
    })
    .execute()
  return id
}

const isPending = async (id: string) =>
  (await db.selectFrom('revocations').select('id').where('id', '=', id).execute()).length > 0

test('the grant of a person who is removed is ended at the Git host', async () => {
  const bob = await countersign.person('bob')
  const done = await authorizeWithOAuth(bob, row, { login: 'bob', password: 'bob-demo' })
  assert.equal(done.status, 'completed', done.problem?.detail)
  await admin.api.deletePerson({ params: { id: bob.person.id } })
  // Gitea has no call for it: the box is destroyed, and that is written down.
  assert.deepEqual(await ended(bob.person.id, 1), ['grant of bob at Forge: destroyed here'])
})

test('a person is removed, and both grants are ended, when a request has the id of a token', async () => {
  const eve = await countersign.person('eve')
  const done = await authorizeWithOAuth(eve, row, { login: 'bob', password: 'bob-demo' })
  assert.equal(done.status, 'completed', done.problem?.detail)
  const id = (await eve.access(row.runtime_id)).authorization?.connection.id
  const other = await authorizeWithOAuth(eve, row, ALICE, (...who) => beginOAuth(...who, id))
  assert.equal(other.id, id)
  assert.equal(other.status, 'account_changed')
  await admin.api.deletePerson({ params: { id: eve.person.id } })
  assert.deepEqual(await ended(eve.person.id, 2), [
    'grant of alice at Forge: destroyed here',
    'grant of bob at Forge: destroyed here',
  ])
})

/** The grants of an owner that were ended, once there are `count`. */
async function ended(owner_id: string, count: number): Promise<string[]> {
  const read = () =>
    db
      .selectFrom('audit')
      .select('subject')
      .where('action', '=', 'connection.revoke')
      .where('owner_id', '=', owner_id)
      .execute()
  await until(`${count} of them`, async () => (await read()).length >= count)
  return (await read()).map(({ subject }) => subject).toSorted()
}

test('a revocation outlives the runtime and the app that it belongs to', async () => {
  const { runtime } = await countersign.runtime()
  const form = await admin.api.getClientForm({
    query: { provider_id: row.provider_id, runtime_id: runtime.id },
  })
  const client = await admin.api.putClient({
    body: {
      id: form.id,
      provider_id: row.provider_id,
      runtime_id: runtime.id,
      client_id: 'own-app',
      client_secret: 'own-secret',
    },
  })
  const id = await pending(client.id)
  await admin.api.deleteRuntime({ params: { id: runtime.id } })
  const left = await db.selectFrom('clients').select('id').where('id', '=', client.id).execute()
  assert.deepEqual(left, [])
  assert.ok(await isPending(id))
})

test('a host that does not answer is told again each day, and after a month no more', async () => {
  const { id: client_row_id } = await db
    .selectFrom('clients')
    .select('id')
    .executeTakeFirstOrThrow()
  const [young, failed, old] = [
    await pending(client_row_id, 1),
    await pending(client_row_id, 3),
    await pending(client_row_id, 31),
  ]
  await removeFinished(db)
  assert.equal(await isPending(old), false)
  await until('the end of the one that failed', async () => !(await isPending(failed)))
  assert.ok(await isPending(young), 'its own job is still at it')
})
