import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { removeFinished } from '../../src/jobs/remove-finished.ts'
import { startCountersign } from '../harness/countersign.ts'
import { connectionOf, endAccess } from '../harness/granted.ts'
import { refusal } from '../harness/problems.ts'
import { registerStandIn } from '../harness/stand-in.ts'
import { until } from '../harness/until.ts'
import { startVaultProcess } from '../harness/vault-process.ts'
import { startGitlab } from '../standins/gitlab/gitlab.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database } = countersign
const gitlab = await startGitlab()
after(() => gitlab.close())

const { runtime, authorize } = await registerStandIn(countersign, 'gitlab', gitlab)
const { row, ask } = await runtime('builder')

test('a check does not take the end of an access token for the end of the grant', async () => {
  assert.equal((await authorize(row)).status, 'completed')
  const { expires_at } = await connectionOf(countersign)
  assert.equal(expires_at, null)
  const { status } = await admin.checkNow(row.runtime_id)
  assert.equal(status, 'valid')
  assert.equal((await connectionOf(countersign)).expires_at, null)
})

test('a grant is refreshed with the address that it was made with, wherever the pages are now', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-moved-'))
  await using moved = await startVaultProcess({
    database_url: database.url,
    data_folder: folder.path,
    vault_key: countersign.vault_key,
    page_url: 'https://moved.example.com',
  })
  await endAccess(countersign)
  const { version } = await connectionOf(countersign)
  await ask({}, moved.url)
  const after = await connectionOf(countersign)
  assert.deepEqual([after.version, after.status], [version + 1, 'valid'])
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
  await until(`revoked: ${subject}`, async () => (await revocations()).length > revoked)
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
  const { row: narrow } = await runtime('narrow')
  await refusal(
    admin.api.updateRuntimeProvider({ params: narrow, body: { scopes: ['read_api'] } }),
    'scopes-too-few',
  )
  // From before such lists were turned away.
  await sql`update runtime_providers set scopes = '{read_api}'
    where runtime_id = ${narrow.runtime_id}`.execute(database.db)
  const { status, problem } = await authorize(narrow)
  assert.equal(status, 'refused')
  assert.match(problem?.type ?? '', /scopes-narrowed$/)
  await assertRevoked('grant of an account at gitlab: revoked')
})

test('a grant of another account that nobody confirms is revoked when its time is over', async () => {
  await forget()
  const { id, status } = await authorize(row, 'dave')
  assert.equal(status, 'account_changed')
  await sql`update authorization_requests set created_at = now() - interval '8 days'
    where id = ${id}`.execute(database.db)
  await removeFinished(database.db)
  await assertRevoked('grant of dave at gitlab: revoked')
})

test('one that is given up is revoked at once', async () => {
  await forget()
  const { id } = await authorize(row, 'dave')
  await admin.api.cancelAuthorizationRequest({ params: { id } })
  await assertRevoked('grant of dave at gitlab: revoked')
})
