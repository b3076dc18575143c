import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { createClient } from '../../src/contract/index.ts'
import { startCountersign } from '../harness/countersign.ts'
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

/** How many wait for somebody else's lock. */
async function waiting(): Promise<number> {
  const { rows } = await sql`select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
  return rows.length
}
