import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import type { AuditEntry } from '../../src/contract/index.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { databaseTime } from '../harness/database-time.ts'
import { refusal } from '../harness/problems.ts'

/** Who did what, to what, from where and with which outcome, in every row of the audit trail. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, provider, vault_url } = countersign
const { api } = admin
const one = await countersign.runtime('one')
const two = await countersign.runtime('two')
const row = { runtime_id: one.runtime.id, provider_id: provider.id }
const { host } = new URL(forge.url)

const HERE = '127.0.0.1'
const ada: Row['actor'] = { kind: 'person', name: 'ada@example.com' }
const vault: Row['actor'] = { kind: 'vault', name: 'vault' }
const runtime: Row['actor'] = { kind: 'runtime', name: 'one' }

type Row = Omit<AuditEntry, 'id' | 'at'>

/** What one act left, oldest first: each row as it is, but for its id and its time. */
async function rowsOf(act: () => Promise<unknown>): Promise<Row[]> {
  const last = (await entries())[0]
  const begun = await databaseTime(database)
  await act()
  const ended = await databaseTime(database)
  const all = await entries()
  const left = all.slice(
    0,
    all.findIndex(({ id }) => id === last?.id),
  )
  for (const { at } of left) assert.ok(begun <= at && at <= ended, at)
  return left.map(({ id: _, at: __, ...rest }) => rest).toReversed()
}

async function entries(): Promise<AuditEntry[]> {
  return (await api.listAudit({ query: { limit: 100 } })).items
}

function allowed(actor: Row['actor'], action: string, subject: string, ip: string | null = HERE) {
  return { actor, action, outcome: 'allowed', subject, reason: null, ip }
}

suite('a token', () => {
  test('is added', async () => {
    const token = await forge.token()
    assert.deepEqual(await rowsOf(() => admin.addToken(row, token)), [
      allowed(ada, 'candidate.create', 'token for Forge on runtime one'),
      allowed(
        vault,
        'candidate.finish',
        'token of ada@example.com for Forge on runtime one: accepted',
      ),
    ])
  })

  test('is used for another runtime', async () => {
    const runtime_id = two.runtime.id
    const connection_id = (await admin.access(row.runtime_id)).authorization?.connection.id ?? ''
    const body = { ...row, runtime_id, connection_id }
    assert.deepEqual(await rowsOf(() => api.createAuthorization({ body })), [
      allowed(ada, 'authorization.create', 'Forge on runtime two, with an existing token'),
    ])
  })

  test('leaves in a credential, or not', async () => {
    const client = runtimeClient(vault_url, one.key)
    const ask = (person: string) =>
      client.issueCredential({ body: { person, protocol: 'http', host, path: 'alice/hello.git' } })
    const target = `http://${host}/alice/hello.git`
    assert.deepEqual(await rowsOf(() => ask('ada@example.com')), [
      allowed(runtime, 'credential.issue', `${target} as ada@example.com`),
    ])
    const stranger = 'nobody@example.com'
    assert.deepEqual(await rowsOf(() => refusal(ask(stranger), 'authorization-missing')), [
      {
        ...allowed(runtime, 'credential.issue', `${target} as ${stranger}`),
        outcome: 'denied',
        reason: 'authorization-missing',
      },
    ])
  })

  test('is not replaced by a bad one', async () => {
    assert.deepEqual(await rowsOf(() => admin.addToken(row, '0'.repeat(40))), [
      allowed(ada, 'candidate.create', 'token for Forge on runtime one'),
      {
        ...allowed(
          vault,
          'candidate.finish',
          'token of ada@example.com for Forge on runtime one: refused',
        ),
        reason: 'token-rejected',
      },
    ])
  })

  test('is replaced by a good one', async () => {
    const token = await forge.token()
    assert.deepEqual(await rowsOf(() => admin.addTokenInClear(row, token)), [
      allowed(ada, 'candidate.create', 'token for Forge on runtime one'),
      allowed(
        vault,
        'candidate.finish',
        'token of ada@example.com for Forge on runtime one: accepted',
      ),
    ])
  })

  test('is checked', async () => {
    assert.deepEqual(await rowsOf(() => admin.checkNow(one.runtime.id)), [
      allowed(ada, 'connection.check', 'one of their tokens'),
      allowed(vault, 'connection.status', 'token of alice at Forge: valid', null),
    ])
  })

  test('is deleted, for one runtime and then for the other', async () => {
    for (const { runtime } of [one, two]) {
      const id = (await admin.access(runtime.id)).authorization?.id ?? ''
      assert.deepEqual(await rowsOf(() => api.deleteAuthorization({ params: { id } })), [
        allowed(ada, 'authorization.delete', `Forge on runtime ${runtime.name}`),
      ])
    }
  })
})

test('what a member may not do is written down as theirs', async () => {
  const bob = await countersign.person('bob')
  const id = one.runtime.id
  const refused = () =>
    refusal(bob.api.createRuntimeKey({ params: { id } }), 'not-an-administrator')
  assert.deepEqual(await rowsOf(refused), [
    {
      ...allowed(
        { kind: 'person', name: 'bob@example.com' },
        'administration',
        `POST /api/v1/runtimes/${id}/keys`,
      ),
      outcome: 'denied',
      reason: 'not-an-administrator',
    },
  ])
})

test('a key of a runtime is rotated and revoked', async () => {
  const params = { id: one.runtime.id }
  assert.deepEqual(await rowsOf(() => api.createRuntimeKey({ params })), [
    allowed(ada, 'runtime_key.create', 'one'),
  ])
  const [, older] = (await api.getRuntime({ params })).keys
  const revoke = () => api.deleteRuntimeKey({ params: { ...params, key_id: older?.id ?? '' } })
  assert.deepEqual(await rowsOf(revoke), [allowed(ada, 'runtime_key.delete', 'one')])
})

test('all of them name their owner, runtime and token, by which they are found in the database', async () => {
  const rows = await database.db
    .selectFrom('audit')
    .select(['action', 'actor_id', 'owner_id', 'runtime_id', 'connection_id'])
    .where('action', 'in', ['candidate.create', 'credential.issue', 'authorization.delete'])
    .where('outcome', '=', 'allowed')
    .where('runtime_id', '=', one.runtime.id)
    .orderBy('id')
    .execute()
  const [created, ...rest] = rows
  const issued = rest.find(({ action }) => action === 'credential.issue')
  const deleted = rest.find(({ action }) => action === 'authorization.delete')
  const ids = { owner_id: admin.person.id, runtime_id: one.runtime.id }
  const { connection_id } = deleted ?? assert.fail('no row of the deletion')
  assert.ok(connection_id)
  assert.deepEqual(
    [created, issued, deleted],
    [
      { ...ids, action: 'candidate.create', actor_id: admin.person.id, connection_id: null },
      { ...ids, action: 'credential.issue', actor_id: one.runtime.id, connection_id },
      { ...ids, action: 'authorization.delete', actor_id: admin.person.id, connection_id },
    ],
  )
})
