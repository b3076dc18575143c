import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import { sql } from 'kysely'
import { startWithGitlab } from '../harness/gitlab.ts'
import { ageFailure, wakeScheduler } from '../harness/granted.ts'
import { until } from '../harness/until.ts'

/** Checks that find an access token refused, and end with what the refresh then says. */
const scene = await startWithGitlab()
after(() => scene[Symbol.asyncDispose]())
const { countersign, gitlab, app } = scene
const { admin, database } = countersign
const row = await scene.runtime('builder')
await scene.authorize(row, 'carol')
const rightSecret = app.client_secret

afterEach(() => {
  app.client_secret = rightSecret
})

/** Has a vault check what is due now, and waits until that is due again after more than the claim. */
async function checkDue(): Promise<void> {
  await using events = await admin.events()
  await sql`update connections set check_due_at = now()`.execute(database.db)
  await wakeScheduler(countersign)
  await events.until(async () => {
    const { rows } = await sql`select from connections
      where check_due_at > now() + interval '40 minutes'`.execute(database.db)
    return rows[0]
  })
}

test('whoever asks is told each time that no new token was to be had', async () => {
  const { access_token } = await scene.tokens()
  const token = gitlab.token(access_token) ?? assert.fail()
  token.revoked = true
  app.client_secret = 'another'
  const first = await admin.checkNow(row.runtime_id)
  assert.equal(first.status, 'valid')
  assert.match(first.check_failed?.reason ?? '', /does not accept our OAuth app/)
  const second = await admin.checkNow(row.runtime_id)
  assert.match(second.check_failed?.reason ?? '', /does not accept our OAuth app/)
  assert.ok((second.check_failed?.at ?? '') > (first.check_failed?.at ?? ''))
})

test('then the next check is an hour away', async () => {
  app.client_secret = 'another'
  await checkDue()
})

test('whoever asks is told that the grant is over', async () => {
  await ageFailure(countersign)
  const { refresh_token } = await scene.tokens()
  gitlab.oauth.endRefreshToken(refresh_token ?? assert.fail())
  const before = (await admin.access(row.runtime_id)).authorization?.connection
  for (let times = 0, stamp = before?.checked_at ?? ''; times < 2; times += 1) {
    const { status, check_failed, checked_at } = await admin.checkNow(row.runtime_id)
    assert.deepEqual([status, check_failed], ['reauthorization_required', null])
    assert.ok(checked_at !== null && checked_at > stamp)
    stamp = checked_at
  }
})

test('whoever asks is told of the token that a refresh has put in place meanwhile', async () => {
  await scene.authorize(row, 'carol')
  const one = () =>
    database.db
      .selectFrom('connections')
      .select(['id', 'version', 'checked_at', 'check_requested_at'])
      .executeTakeFirstOrThrow()
  const { id, version, checked_at } = await one()
  const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  gitlab.holdBack = (path) => {
    if (path !== '/api/v4/user') return undefined
    gitlab.holdBack = undefined
    held.resolve()
    return released.promise
  }
  await admin.api.checkConnection({ params: { id } })
  await held.promise
  await sql`update connections set refresh_due_at = now()`.execute(database.db)
  await wakeScheduler(countersign)
  await until('the next token', async () => (await one()).version > version)
  released.resolve()
  await until('the end of the check', async () => (await one()).check_requested_at === null)
  const now = await one()
  assert.ok(now.checked_at !== null && checked_at !== null && now.checked_at > checked_at)
  assert.equal((await admin.access(row.runtime_id)).authorization?.connection.status, 'valid')
})

test('what cannot be opened is not tried again at once either', async () => {
  await scene.authorize(row, 'carol')
  await sql`update connections set box = client_secret_box
    from clients where clients.id = client_row_id`.execute(database.db)
  await checkDue()
  const connection = (await admin.access(row.runtime_id)).authorization?.connection
  assert.match(connection?.check_failed?.reason ?? '', /was damaged where it is stored/)
})
