import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import type { Trx } from '../../src/store/database.ts'
import { startCountersign } from '../harness/countersign.ts'
import { ALICE, TOKEN_ENDPOINT } from '../harness/granted.ts'
import { answerAtForge, beginOAuth, comeBack, registerClient } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'

/* Who acts on what somebody else takes away in that moment is told so, and nothing is said to be done. */

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, provider } = countersign
const { db } = database
const app = { provider_id: provider.id, client_id: 'x', client_secret: 'y' }

/** How many wait for somebody else's lock. */
async function waiting(): Promise<number> {
  const { rows } = await sql`select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
  return rows.length
}

/** Has calls wait for a lock that `take` takes, and go on once `change` is committed. */
async function meanwhile<T>(
  take: (trx: Trx) => Promise<unknown>,
  calls: (() => Promise<T>)[],
  change: (trx: Trx) => Promise<unknown>,
): Promise<PromiseSettledResult<T>[]> {
  const { called } = await db.transaction().execute(async (trx) => {
    await take(trx)
    const called = Promise.allSettled(calls.map((call) => call()))
    await until('all wait', async () => (await waiting()) === calls.length)
    await change(trx)
    return { called }
  })
  return await called
}

test('an app is not registered for a runtime that was removed', async () => {
  const { runtime } = await countersign.runtime()
  await admin.api.deleteRuntime({ params: { id: runtime.id } })
  const body = { ...app, id: randomUUID(), runtime_id: runtime.id }
  await refusal(admin.api.putClient({ body }), 'not-found')
})

test('an app that two administrators remove is removed by one of them', async () => {
  const params = { id: randomUUID() }
  await admin.api.putClient({ body: { ...app, ...params } })
  const remove = () => admin.api.deleteClient({ params })
  const removals = await meanwhile(
    (trx) => sql`select from clients where id = ${params.id} for update`.execute(trx),
    [remove, remove],
    async () => {},
  )
  assert.deepEqual(removals.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const { items } = await admin.api.listAudit({ query: { q: 'client.delete' } })
  assert.equal(items.length, 1)
})

suite('a notice is hidden', () => {
  async function hide(change: (trx: Trx, id: string) => Promise<unknown>) {
    const { runtime } = await countersign.runtime()
    const soon = new Date(Date.now() + 86_400_000).toISOString()
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    await admin.addToken(row, await forge.token(), { expires_at: soon })
    const { authorization } = await admin.access(runtime.id)
    const id = authorization?.id ?? ''
    assert.equal(authorization?.notice?.kind, 'expiring')
    const [answer] = await meanwhile(
      (trx) => sql`select from authorizations where id = ${id} for update`.execute(trx),
      [() => admin.api.updateAuthorization({ params: { id }, body: { notice_hidden: true } })],
      (trx) => change(trx, id),
    )
    return answer ?? assert.fail()
  }

  test('but not of an authorization that is deleted in that moment', async () => {
    const { items: before } = await admin.api.listAudit({ query: { q: 'authorization.update' } })
    const answer = await hide((trx, id) =>
      trx.deleteFrom('authorizations').where('id', '=', id).execute(),
    )
    const { reason } = answer as PromiseRejectedResult
    await refusal(Promise.reject(reason), 'not-found')
    const { items } = await admin.api.listAudit({ query: { q: 'authorization.update' } })
    assert.deepEqual(items, before)
  })

  test('also where it goes with its token in that moment', async () => {
    const answer = await hide((trx) => trx.deleteFrom('notices').execute())
    assert.equal(answer.status, 'fulfilled')
  })
})

suite('a code', () => {
  test('whose runtime is removed while it is exchanged is no failure', async () => {
    const row = await rowWithApp()
    const person = await countersign.person('undine')
    const { authorization_url } = await beginOAuth(person, row)
    const back = await answerAtForge(authorization_url, ALICE)
    const held = await forge.hold(TOKEN_ENDPOINT)
    await comeBack(back, person.cookie)
    await held.asked()
    await admin.api.deleteRuntime({ params: { id: row.runtime_id } })
    await held.release()
    await until('the end of the job', async () => {
      const { rows } = await sql<{ last_error: string | null }>`select last_error
        from graphile_worker.jobs where task_identifier = 'finish-authorization'`.execute(db)
      assert.ok(rows.every(({ last_error }) => last_error === null))
      return rows.length === 0
    })
    assert.deepEqual(
      countersign.logged.filter((line) => line.includes('a task did not succeed')),
      [],
    )
  })

  test('is not asked for by who is removed in that moment: they are no longer signed in', async () => {
    const row = await rowWithApp()
    const person = await countersign.person('vreni')
    const [begun] = await meanwhile(
      (trx) => sql`delete from people where id = ${person.person.id}`.execute(trx),
      [() => beginOAuth(person, row)],
      async () => {},
    )
    assert.equal(begun?.status === 'rejected' && begun.reason.type, 'not-signed-in')
  })
})

/** A runtime at which people authorize with OAuth2. */
async function rowWithApp() {
  const { runtime } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const operator = { url: forge.url, token: await forge.token('alice', ['all']) }
  await registerClient(admin, operator, row)
  return row
}
