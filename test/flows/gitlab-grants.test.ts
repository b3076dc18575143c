import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { removeFinished } from '../../src/jobs/remove-finished.ts'
import { startCountersign } from '../harness/countersign.ts'
import { connectionOf } from '../harness/granted.ts'
import { beginOAuth, comeBack } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { startGitlab } from '../standins/gitlab/gitlab.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database } = countersign
const gitlab = await startGitlab()
after(() => gitlab.close())

const { id: provider_id } = await admin.api.createProvider({
  body: {
    kind: 'gitlab',
    name: 'GitLab',
    base_url: gitlab.url,
    private_address_confirmed: true,
  },
})
const form = await admin.api.getClientForm({ query: { provider_id } })
const { client_id, client_secret } = gitlab.oauth.registerClient(form.callback_url)
await admin.api.putClient({ body: { id: form.id, provider_id, client_id, client_secret } })

async function runtime(name: string) {
  const made = await admin.api.createRuntime({ body: { name, provider_ids: [provider_id] } })
  const row = { runtime_id: made.runtime.id, provider_id }
  await admin.api.updateRuntimeProvider({ params: row, body: { auth_mode: 'default_client' } })
  return row
}

/** The whole way. @returns the request, and what GitLab granted meanwhile */
async function authorize(row: { runtime_id: string; provider_id: string }, login: string) {
  const { request, authorization_url } = await beginOAuth(admin, row)
  gitlab.oauth.signIn(login)
  const sent = await fetch(authorization_url, { redirect: 'manual' })
  await using events = await admin.events()
  await comeBack(sent.headers.get('location') ?? '', admin.cookie)
  return await events.until(async () => {
    const now = await admin.api.getAuthorizationRequest({ params: { id: request.id } })
    return now.status === 'exchanging' ? undefined : now
  })
}

const row = await runtime('builder')

test('a check does not take the end of an access token for the end of the grant', async () => {
  assert.equal((await authorize(row, 'carol')).status, 'completed')
  const { expires_at } = await connectionOf(countersign)
  assert.equal(expires_at, null)
  const { status } = await admin.checkNow(row.runtime_id)
  assert.equal(status, 'valid')
  assert.equal((await connectionOf(countersign)).expires_at, null)
})

let revoked = 0
const revocations = () =>
  database.db
    .selectFrom('audit')
    .select('subject')
    .where('action', '=', 'connection.revoke')
    .orderBy('id')
    .execute()

/** Waits until GitLab was told of both tokens of one grant, and of nothing more. */
async function assertRevoked(subject: string): Promise<void> {
  const deadline = Date.now() + 60_000
  while ((await revocations()).length === revoked) {
    assert.ok(Date.now() < deadline, 'it was not revoked')
    await pause(50)
  }
  assert.deepEqual((await revocations()).slice(revoked), [{ subject }])
  const told = gitlab.calls.filter((call) => call === 'POST /oauth/revoke')
  assert.equal(told.length, 2)
  const left = await database.db.selectFrom('revocations').select('id').execute()
  assert.deepEqual(left, [])
  // The grant that is in use is another one, and goes on.
  assert.equal((await admin.checkNow(row.runtime_id)).status, 'valid')
}

/** What was told before is not counted. */
async function forget(): Promise<void> {
  gitlab.calls.length = 0
  revoked = (await revocations()).length
}

test('a grant that is too narrow is turned down, and revoked', async () => {
  await forget()
  const narrow = await runtime('narrow')
  await refusal(
    admin.api.updateRuntimeProvider({ params: narrow, body: { scopes: ['read_api'] } }),
    'scopes-too-few',
  )
  // From before such lists were turned away.
  await sql`update runtime_providers set scopes = '{read_api}'
    where runtime_id = ${narrow.runtime_id}`.execute(database.db)
  const { status, problem } = await authorize(narrow, 'carol')
  assert.equal(status, 'refused')
  assert.match(problem?.type ?? '', /scopes-narrowed$/)
  await assertRevoked('grant of an account at GitLab: revoked')
})

test('a grant of another account that nobody confirms is revoked when its time is over', async () => {
  await forget()
  const { id, status } = await authorize(row, 'dave')
  assert.equal(status, 'account_changed')
  await sql`update authorization_requests set created_at = now() - interval '8 days'
    where id = ${id}`.execute(database.db)
  await removeFinished(database.db)
  await assertRevoked('grant of dave at GitLab: revoked')
})

test('one that is given up is revoked at once', async () => {
  await forget()
  const { id } = await authorize(row, 'dave')
  await admin.api.cancelAuthorizationRequest({ params: { id } })
  await assertRevoked('grant of dave at GitLab: revoked')
})
