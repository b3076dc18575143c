import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import { openAuditCommit } from '../../src/vault/audit-commit.ts'
import { type Grant, readGrant } from '../../src/vault/grant.ts'
import { openKeyring } from '../../src/vault/keyring.ts'
import { startCountersign } from '../harness/countersign.ts'
import { authorized, connectionOf } from '../harness/granted.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, page_url, vault_key } = countersign
const { key } = await authorized(countersign)
const keyring = await openKeyring(database.db, vault_key)
const commit = openAuditCommit(database.pool)

async function grantNow(): Promise<Grant> {
  const host = new URL(forge.url).host
  const request = { person: admin.person.email, protocol: 'http', host } as const
  const grant = await readGrant(database.pool, keyring, page_url, key, request)
  assert.ok(!('problem' in grant))
  return grant
}

const record = (grant: Grant, target: string) =>
  commit.record({ grant, action: 'credential.issue', target, ip: '192.0.2.7' })

/** For which of `targets` there is a row. */
async function written(targets: readonly string[]): Promise<boolean[]> {
  const { rows } = await sql<{ target: string }>`
    select split_part(subject, ' ', 1) as target from audit
    where action = 'credential.issue' and outcome = 'allowed'`.execute(database.db)
  return targets.map((target) => rows.filter((row) => row.target === target).length === 1)
}

suite('the audit row of a credential', () => {
  test('is written for those that hold, whatever else is asked at the same moment', async () => {
    const grant = await grantNow()
    const stale = { ...grant, version: grant.version - 1 }
    for (const many of [1, 2, 7, 300]) {
      for (const bad of [[], [0], [many - 1], [1, 2]]) {
        const targets = Array.from({ length: many }, (_, at) => `${many}-${bad}/${at}`)
        const holding = await Promise.all(
          targets.map((target, at) => record(bad.includes(at) ? stale : grant, target)),
        )
        assert.deepEqual(
          holding,
          targets.map((_, at) => !bad.includes(at)),
        )
        assert.deepEqual(await written(targets), holding)
      }
    }
  })

  test('names who received what, and from where', async () => {
    const grant = await grantNow()
    assert.equal(await record(grant, 'http://named/'), true)
    const { rows } = await sql`
      select actor_kind, actor_id, actor_name, ip, owner_id, runtime_id, connection_id, subject
      from audit where subject like 'http://named/%'`.execute(database.db)
    assert.deepEqual(rows, [
      {
        actor_kind: 'runtime',
        actor_id: grant.runtime_id,
        actor_name: grant.runtime_name,
        ip: '192.0.2.7',
        owner_id: admin.person.id,
        runtime_id: grant.runtime_id,
        connection_id: grant.connection_id,
        subject: `http://named/ as ${admin.person.email}`,
      },
    ])
  })

  const changes = [
    ['whose access token has ended', { access_expires_at: new Date(0) }],
    ['whose app is gone', { client_row_id: null }],
  ] as const
  for (const [what, change] of changes) {
    test(`is not written for a grant ${what}, though it was read before`, async () => {
      const grant = await grantNow()
      const row = database.db.updateTable('connections').where('id', '=', grant.connection_id)
      const { access_expires_at, client_row_id } = await connectionOf(countersign)
      await row.set(change).execute()
      assert.equal(await record(grant, 'http://changed/'), false)
      await row.set({ access_expires_at, client_row_id }).execute()
      assert.equal(await record(await grantNow(), 'http://again/'), true)
    })
  }
})
