import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { hashPassword } from 'better-auth/crypto'
import { sql } from 'kysely'
import { createClient, ProblemError } from '../../src/contract/index.ts'
import { issuePersonToken } from '../../src/people/person-tokens.ts'
import { startCountersign } from '../harness/countersign.ts'
import { PASSWORD, type PersonClient } from '../harness/person.ts'
import { until } from '../harness/until.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { page_url } = countersign

/** Signs in anew, as another browser does. @returns the `Cookie` header */
async function signIn(email: string, password: string): Promise<string> {
  const response = await fetch(`${page_url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  if (response.status !== 200) throw new Error(`signing in answered ${response.status}`)
  return response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';', 1)[0])
    .join('; ')
}

/** Signs in on a command line, as `countersign login` does. */
async function commandLineOf({ person }: PersonClient) {
  const { db } = countersign.database
  return await db
    .transaction()
    .execute((trx) => issuePersonToken(trx, { person_id: person.id, device_name: 'laptop' }))
}

async function isSignedIn(cookie: string): Promise<boolean> {
  const api = createClient({ base_url: page_url, headers: { cookie } })
  return (await api.getSession({})).person !== null
}

/** Begins on a command line, and approves it as a person does. @returns how it goes on there */
async function approvedBy(person: PersonClient) {
  const line = createClient({ base_url: page_url })
  const body = { device_name: 'laptop' }
  const { device_code, user_code } = await line.beginDeviceSignIn({ body })
  await person.api.answerDeviceSignIn({ body: { user_code, approved: true } })
  return () => line.redeemDeviceSignIn({ body: { device_code } })
}

const isProblem = (type: string) => (error: unknown) =>
  error instanceof ProblemError && error.type === type

test('a new password ends all other sessions, and this one goes on', async () => {
  const person = await countersign.person('dora')
  const { email } = person.person
  const elsewhere = await signIn(email, PASSWORD)
  const change = (current_password: string, new_password: string) =>
    person.api.changePassword({ body: { current_password, new_password } })
  await assert.rejects(change('wrong', 'another few words'), isProblem('password-wrong'))
  await assert.rejects(change(PASSWORD, 'short'), isProblem('password-too-weak'))
  assert.ok(await isSignedIn(elsewhere), 'nothing was changed')

  const before = person.cookie
  const redeem = await approvedBy(person)
  await change(PASSWORD, 'another few words')
  assert.ok(await isSignedIn(person.cookie))
  assert.ok(!(await isSignedIn(elsewhere)))
  assert.ok(!(await isSignedIn(before)))
  await assert.rejects(redeem(), isProblem('device-code-expired'))
  await assert.rejects(signIn(email, PASSWORD))
  await signIn(email, 'another few words')
})

test('signing out everywhere ends every session of this person, and of nobody else', async () => {
  const person = await countersign.person('emil')
  const elsewhere = await signIn(person.person.email, PASSWORD)
  const here = person.cookie
  const { access_token } = await commandLineOf(person)
  const line = createClient({
    base_url: page_url,
    headers: { authorization: `Bearer ${access_token}` },
  })
  assert.equal((await line.getSession({})).person?.id, person.person.id)
  await assert.rejects(line.endSessions({}), isProblem('not-signed-in'))
  const redeem = await approvedBy(person)
  await person.api.endSessions({})
  assert.equal((await line.getSession({})).person, null)
  await assert.rejects(redeem(), isProblem('device-code-expired'))
  assert.ok(!(await isSignedIn(here)))
  assert.ok(!(await isSignedIn(elsewhere)))
  assert.ok(await isSignedIn(countersign.admin.cookie))
})

test('a name is changed for everybody to see, and all of it is audited', async () => {
  const person = await countersign.person('fay')
  const changed = await person.api.updateAccount({ body: { name: ' Fay Field ' } })
  assert.equal(changed.name, 'Fay Field')
  const { items } = await countersign.admin.api.listPeople({ query: { q: 'Fay Field' } })
  assert.equal(items.length, 1)
  const rows = await countersign.database.db
    .selectFrom('audit')
    .select(['action', 'outcome'])
    .where('action', 'in', ['account.update', 'account.change_password', 'session.delete_all'])
    .orderBy('id')
    .execute()
  assert.deepEqual(
    rows.map(({ action, outcome }) => `${action} ${outcome}`),
    [
      'account.change_password denied',
      'account.change_password allowed',
      'session.delete_all allowed',
      'account.update allowed',
    ],
  )
})

/** How many wait for a row that somebody else has. */
async function waiting(): Promise<number> {
  const { rows } = await sql`select from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database()`.execute(
    countersign.database.db,
  )
  return rows.length
}

/** A command line that waits for this person's word. */
async function asking(person: PersonClient) {
  const line = createClient({ base_url: page_url })
  const { device_code, user_code } = await line.beginDeviceSignIn({ body: { device_name: 'pad' } })
  return {
    approve: () => person.api.answerDeviceSignIn({ body: { user_code, approved: true } }),
    redeem: () => line.redeemDeviceSignIn({ body: { device_code } }),
  }
}

test('what is approved as its person signs out everywhere is not let in', async () => {
  const person = await countersign.person('gina')
  const { approve, redeem } = await asking(person)
  let approved: Promise<unknown> | undefined
  let ended: Promise<unknown> | undefined
  await countersign.database.db.transaction().execute(async (trx) => {
    await sql`select from device_sign_ins where device_name = 'pad' for update`.execute(trx)
    approved = approve()
    await until('an answer on its way', async () => (await waiting()) >= 1)
    let isOver = false
    ended = person.api.endSessions({}).finally(() => {
      isOver = true
    })
    await until('a sign-out beside it', async () => isOver || (await waiting()) >= 2)
  })
  await approved
  await ended
  await assert.rejects(redeem(), isProblem('device-code-expired'))
})

test('nothing is approved in a session that has just ended', async () => {
  const person = await countersign.person('hal')
  const { approve, redeem } = await asking(person)
  let approved: Promise<unknown> | undefined
  await countersign.database.db.transaction().execute(async (trx) => {
    await trx.deleteFrom('sessions').where('person_id', '=', person.person.id).execute()
    let isOver = false
    approved = approve().finally(() => {
      isOver = true
    })
    approved.catch(() => {})
    await until('an answer on its way', async () => isOver || (await waiting()) >= 1)
  })
  await assert.rejects(approved ?? Promise.resolve(), isProblem('not-signed-in'))
  assert.equal((await redeem()).status, 'authorization_pending')
})

test('a password that is replaced while it is checked opens nothing', async () => {
  const { person } = await countersign.person('ida')
  const { db } = countersign.database
  let signedIn: Promise<string> | undefined
  await db.transaction().execute(async (trx) => {
    await sql`lock table sessions in exclusive mode`.execute(trx)
    signedIn = signIn(person.email, PASSWORD)
    signedIn.catch(() => {})
    await until('a session that is about to begin', async () => (await waiting()) >= 1)
    // As `countersign reset-password` does.
    const password = await hashPassword('another few words')
    await trx.updateTable('logins').set({ password }).where('person_id', '=', person.id).execute()
    await trx.deleteFrom('sessions').where('person_id', '=', person.id).execute()
  })
  await assert.rejects(signedIn ?? Promise.resolve(), /answered 401/)
  const left = await db
    .selectFrom('sessions')
    .select('id')
    .where('person_id', '=', person.id)
    .execute()
  assert.deepEqual(left, [])
  await signIn(person.email, 'another few words')
})

test('sessions that cannot be ended are not said to be, and no password is changed then', async () => {
  const person = await countersign.person('joan')
  const { cookie } = person
  const { db } = countersign.database
  await sql`create function break_off() returns trigger language plpgsql as $$
    begin raise exception 'broken off'; end $$`.execute(db)
  await sql`create trigger break_off before delete on sessions for each row
    execute function break_off()`.execute(db)
  await assert.rejects(person.api.signOut({}), isProblem('internal-error'))
  const body = { current_password: PASSWORD, new_password: 'another few words' }
  await assert.rejects(person.api.changePassword({ body }), isProblem('internal-error'))
  await sql`drop trigger break_off on sessions`.execute(db)
  assert.ok(await isSignedIn(cookie))
  await signIn(person.person.email, PASSWORD)
  await person.api.signOut({})
  assert.ok(!(await isSignedIn(cookie)))
})
