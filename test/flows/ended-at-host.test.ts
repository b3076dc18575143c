import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { beginWithCode, outcomeOf, startGitlabForge } from '../harness/device-forge.ts'
import type { PersonClient } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'

/** What nobody uses any more is ended at the Git host, also what comes late. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { database, vault_url } = countersign
const lab = await startGitlabForge(countersign)
after(() => lab[Symbol.asyncDispose]())
const { forge, devices, row } = lab
const TOKEN_ENDPOINT = '/oauth/token'

test('tokens that come after the deletion of their grant are revoked, and not called refreshed', async () => {
  const person = await countersign.person('vera')
  await authorize(person, 'carol')
  await ask('vera@example.com')
  await sql`update connections set version = version + 1, access_expires_at = now(),
    refresh_due_at = null where owner_id = ${person.person.id}`.execute(database.db)

  const released = Promise.withResolvers<void>()
  const granted = new Promise<string>((resolve) => {
    forge.holdBack = (path, { body }) => {
      if (path !== TOKEN_ENDPOINT) return undefined
      resolve((body as { access_token: string }).access_token)
      return released.promise
    }
  })
  const asked = refusal(ask('vera@example.com'), 'authorization-missing')
  const late = await granted
  assert.ok(forge.working(late), 'the host has granted it')
  const { authorization } = await person.access(lab.runtime.id)
  await person.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
  // The old tokens are revoked before the new ones come.
  await untilRevoked(person, 1)
  forge.holdBack = undefined
  released.resolve()
  await asked
  await until('the end of the late token', async () => forge.token(late)?.revoked === true)
  await untilRevoked(person, 2)
  assert.deepEqual(await audited(person, 'connection.refresh'), ['grant of carol at Lab: too late'])
  assert.deepEqual(await database.db.selectFrom('revocations').select('id').execute(), [])
})

test('tokens that are granted while the person gives up are revoked', async () => {
  const person = await countersign.person('ulla')
  const released = Promise.withResolvers<void>()
  const granted = new Promise<string>((resolve) => {
    forge.holdBack = (_path, { body }) => {
      const { access_token } = (body ?? {}) as { access_token?: string }
      if (access_token === undefined) return undefined
      resolve(access_token)
      return released.promise
    }
  })
  const { id, device } = await beginWithCode(person, row)
  devices.approve(device?.user_code ?? '', 'carol')
  const late = await granted
  await person.api.cancelAuthorizationRequest({ params: { id } })
  forge.holdBack = undefined
  released.resolve()
  await until('the end of the token', async () => forge.token(late)?.revoked === true)
  await untilRevoked(person, 1)
  assert.deepEqual(await audited(person, 'connection.revoke'), [
    'grant of an account at Lab: revoked',
  ])
})

test('who authorizes again ends the tokens there were, and keeps the new ones', async () => {
  const person = await countersign.person('wilma')
  await authorize(person, 'carol')
  const first = (await ask('wilma@example.com')).password
  await authorize(person, 'carol')
  const second = (await ask('wilma@example.com')).password
  assert.notEqual(first, second)
  await until('the end of the first token', async () => forge.token(first)?.revoked === true)
  await untilRevoked(person, 1)
  assert.ok(forge.working(second))

  // Another account, once the person has said so.
  const { id, device } = await beginWithCode(person, row)
  devices.approve(device?.user_code ?? '', 'dave')
  assert.equal((await outcomeOf(person, id)).status, 'account_changed')
  assert.ok(forge.working((await ask('wilma@example.com')).password), 'nothing ends before that')
  await person.api.confirmAuthorizationRequest({ params: { id } })
  assert.equal((await outcomeOf(person, id)).status, 'completed')
  await until('the end of the second token', async () => forge.token(second)?.revoked === true)
  const third = (await ask('wilma@example.com')).password
  assert.equal(forge.working(third)?.account.login, 'dave')
  await untilRevoked(person, 2)
  assert.deepEqual(
    await audited(person, 'connection.revoke'),
    Array(2).fill('grant of carol at Lab: revoked'),
  )
  assert.ok(forge.working(third))
})

async function ask(person: string) {
  const { host } = new URL(forge.url)
  const body = { person, protocol: 'http', host } as const
  return await runtimeClient(vault_url, lab.key).issueCredential({ body })
}

async function authorize(person: PersonClient, login: string): Promise<void> {
  const { id, device } = await beginWithCode(person, row)
  devices.approve(device?.user_code ?? '', login)
  const { status, problem } = await outcomeOf(person, id)
  assert.equal(status, 'completed', problem?.detail)
}

async function audited({ person }: PersonClient, action: string): Promise<string[]> {
  const rows = await database.db
    .selectFrom('audit')
    .select('subject')
    .where('action', '=', action)
    .where('owner_id', '=', person.id)
    .orderBy('id')
    .execute()
  return rows.map(({ subject }) => subject)
}

/** Resolves when the vault has said so many times what became of a grant of theirs. */
async function untilRevoked(person: PersonClient, times: number): Promise<void> {
  const many = async () => (await audited(person, 'connection.revoke')).length
  await until(`${times} revocations`, async () => (await many()) === times)
}
