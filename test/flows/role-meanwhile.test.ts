import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { createClient } from '../../src/contract/index.ts'
import { startCountersign } from '../harness/countersign.ts'
import type { PersonClient } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, page_url } = countersign
const { db } = database
const nobody = createClient({ base_url: page_url })

/** Any number: invitations wait in the database for who holds this lock. */
const GATE = 42
await sql`create function wait_at_gate() returns trigger language plpgsql as
  $$ begin perform pg_advisory_xact_lock(${sql.lit(GATE)}); return new; end $$`.execute(db)

const leaves = {
  'becomes a member': (id: string) =>
    admin.api.updatePerson({ params: { id }, body: { role: 'member' } }),
  'is removed': (id: string) => admin.api.deletePerson({ params: { id } }),
}
for (const [what, leave] of Object.entries(leaves)) {
  test(`who ${what} does not come back by an invitation made at that moment`, async () => {
    const { api, person } = await countersign.person(what.replaceAll(' ', '-'))
    await admin.api.updatePerson({ params: { id: person.id }, body: { role: 'admin' } })
    await sql`create trigger gate before insert on invites
      for each row execute function wait_at_gate()`.execute(db)

    let left = false
    const { made, leaving } = await db.transaction().execute(async (trx) => {
      await sql`select pg_advisory_xact_lock(${GATE})`.execute(trx)
      const made = api.createInvite({ body: { role: 'admin' } }).catch(() => undefined)
      await until('an invitation under way', async () => (await waiting()) === 1)
      const leaving = leave(person.id).then(() => {
        left = true
      })
      await until('the end of it, or a wait for it', async () => left || (await waiting()) === 2)
      return { made, leaving }
    })
    await leaving
    await sql`drop trigger gate on invites`.execute(db)

    const invite = await made
    const token = invite?.url.split('#')[1] ?? assert.fail('it was made before')
    await refusal(nobody.readInvite({ body: { token } }), 'invite-invalid')
  })
}

const acts = {
  'makes themselves an administrator again': ({ api, person }: PersonClient) =>
    api.updatePerson({ params: { id: person.id }, body: { role: 'admin' } }),
  'makes somebody else one': ({ api }: PersonClient, id: string) =>
    api.updatePerson({ params: { id }, body: { role: 'admin' } }),
  'removes somebody': ({ api }: PersonClient, id: string) => api.deletePerson({ params: { id } }),
}
for (const [what, act] of Object.entries(acts)) {
  test(`nobody who becomes a member ${what} at that moment`, async () => {
    const [actor, other] = await Promise.all(
      ['actor', 'other'].map((name) => countersign.person(`${name}-${what.replaceAll(' ', '-')}`)),
    )
    if (!actor || !other) assert.fail()
    await admin.api.updatePerson({ params: { id: actor.person.id }, body: { role: 'admin' } })

    let done = false
    const { acting } = await db.transaction().execute(async (trx) => {
      const { id } = actor.person
      await trx.updateTable('people').set({ role: 'member' }).where('id', '=', id).execute()
      const acting = act(actor, other.person.id).finally(() => {
        done = true
      })
      acting.catch(() => {})
      await until('the end of it, or a wait', async () => done || (await waiting()) === 1)
      return { acting }
    })
    await refusal(acting, 'not-an-administrator')
    const { items } = await admin.api.listPeople({ query: { q: what.replaceAll(' ', '-') } })
    assert.deepEqual(
      items.map(({ role }) => role),
      ['member', 'member'],
    )
  })
}

/** How many wait for somebody else's lock. */
async function waiting(): Promise<number> {
  const { rows } = await sql`select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
  return rows.length
}
