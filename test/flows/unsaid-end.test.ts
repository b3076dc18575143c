import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import { sql } from 'kysely'
import { startCountersign } from '../harness/countersign.ts'
import { connectionOf, endAccess } from '../harness/granted.ts'
import { refusal } from '../harness/problems.ts'
import { registerStandIn } from '../harness/stand-in.ts'
import { startGithub } from '../standins/github/github.ts'
import { startGitlab } from '../standins/gitlab/gitlab.ts'

/** Token answers that do not say when the token ends, at a host that says it when it is asked. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database } = countersign
const gitlab = await startGitlab()
after(() => gitlab.close())
const { runtime, authorize } = await registerStandIn(countersign, 'gitlab', gitlab)
const { row, ask } = await runtime('builder')

afterEach(() => {
  gitlab.oauth.leaves_out = []
})

/** How long its access token lives, and how long after that was granted a refresh is due. */
async function lives() {
  const { access_issued_at, access_expires_at, refresh_due_at } = await connectionOf(countersign)
  const since = (time: Date | null) =>
    time && access_issued_at && (time.getTime() - access_issued_at.getTime()) / 1000
  return { life: since(access_expires_at), due: since(refresh_due_at) }
}

/** Two hours, as GitLab says it; the test itself has taken some time of them. */
async function assertTwoHours(): Promise<void> {
  const { life, due } = await lives()
  assert.ok(life !== null && life > 7000 && life < 7300, String(life))
  assert.ok(due !== null && due > life / 2 && due < life, String(due))
}

test('a grant without an end has the one that its host tells', async () => {
  gitlab.oauth.leaves_out = ['expires_in']
  assert.equal((await authorize(row)).status, 'completed')
  await assertTwoHours()
  assert.equal((await connectionOf(countersign)).expires_at, null)
})

test('after a refresh without an end the host is asked at once', async () => {
  await endAccess(countersign)
  gitlab.oauth.leaves_out = ['expires_in']
  await using events = await admin.events()
  await ask()
  await events.until(async () => (await lives()).life ?? undefined)
  await assertTwoHours()
})

test('a check finds the end of a grant that was stored without one', async () => {
  await sql`update connections set access_expires_at = null, refresh_due_at = null`.execute(
    database.db,
  )
  assert.equal((await admin.checkNow(row.runtime_id)).status, 'valid')
  await assertTwoHours()
})

for (const leaves_out of [['refresh_token'], ['refresh_token', 'expires_in']]) {
  test(`a grant without ${leaves_out.join(' and ')} ends with its access token`, async () => {
    gitlab.oauth.leaves_out = leaves_out
    assert.equal((await authorize(row)).status, 'completed')
    const { access_expires_at, expires_at, refresh_due_at } = await connectionOf(countersign)
    assert.ok(access_expires_at !== null)
    assert.deepEqual(expires_at, access_expires_at)
    assert.equal(refresh_due_at, null)
    assert.equal((await ask({ min_ttl: 86_400 })).min_ttl_met, false)
    await sql`update connections set expires_at = now(), version = version + 1`.execute(database.db)
    const problem = await refusal(ask(), 'credential-expired')
    assert.match(problem.detail, /has expired/)
  })
}

test('what had no end and no refresh token has one after a check', async () => {
  await sql`update connections set access_expires_at = null, expires_at = null`.execute(database.db)
  assert.equal((await admin.checkNow(row.runtime_id)).status, 'expiring')
  const { access_expires_at, expires_at, refresh_due_at } = await connectionOf(countersign)
  assert.ok(access_expires_at !== null)
  assert.deepEqual([expires_at, refresh_due_at], [access_expires_at, null])
})

test('a refresh token that stays ends when it was said to, also where that is not said again', async () => {
  const github = await startGithub()
  after(() => github.close())
  const octo = await registerStandIn(countersign, 'github', github)
  const { row: there, ask: askThere } = await octo.runtime('octo')
  assert.equal((await octo.authorize(there)).status, 'completed')
  const { authorization } = await admin.access(there.runtime_id)
  const { id, expires_at } = authorization?.connection ?? assert.fail()
  assert.ok(expires_at !== null)
  github.oauth.leaves_out = ['refresh_token', 'refresh_token_expires_in']
  await endAccess(countersign, id)
  await askThere()
  assert.equal((await connectionOf(countersign, id)).expires_at?.toISOString(), expires_at)
})
