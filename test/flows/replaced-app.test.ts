import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startCountersign } from '../harness/countersign.ts'
import { beginWithCode, outcomeOf, startDeviceForge } from '../harness/device-forge.ts'
import { beginOAuth } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { registerStandIn } from '../harness/stand-in.ts'
import { until } from '../harness/until.ts'
import type { Client } from '../standins/client.ts'
import { startGithub } from '../standins/github/github.ts'

/** Another app takes the place of the one that people granted access to. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database } = countersign
const github = await startGithub()
after(() => github.close())
const { provider_id, client, runtime, authorize } = await registerStandIn(
  countersign,
  'github',
  github,
)

async function replaceApp(): Promise<Client> {
  const form = await admin.api.getClientForm({ query: { provider_id } })
  const next = github.oauth.registerClient(form.callback_url)
  const { client_id, client_secret } = next
  await admin.api.putClient({ body: { id: form.id, provider_id, client_id, client_secret } })
  return next
}

/** Waits until the vault has said so many times what became of a grant. */
async function revocations(many: number): Promise<string[]> {
  return await until(`${many} revocations`, async () => {
    const rows = await database.db
      .selectFrom('audit')
      .select('subject')
      .where('action', '=', 'connection.revoke')
      .orderBy('id')
      .execute()
    return rows.length >= many && rows.map(({ subject }) => subject)
  })
}

const told = ({ client_id }: Client) =>
  github.calls.includes(`DELETE /api/v3/applications/${client_id}/token`)

test('the grant to the app before is ended as that app, when people authorize the new one', async () => {
  const { row, ask } = await runtime('builder')
  assert.equal((await authorize(row)).status, 'completed')
  const { password: before } = await ask()
  const next = await replaceApp()
  assert.equal((await authorize(row)).status, 'completed')
  assert.deepEqual(await revocations(1), ['grant of carol at github: revoked'])
  assert.equal(github.token(before)?.revoked, true)
  assert.ok(told(client) && !told(next))
  const { password } = await ask()
  assert.equal(github.token(password)?.revoked, false)
})

test('and when its authorization is deleted, also after the app was replaced twice', async () => {
  const { row, ask } = await runtime('deployer')
  assert.equal((await authorize(row)).status, 'completed')
  const { password } = await ask()
  // It took the place of the one of the other runtime.
  await revocations(2)
  const made = github.calls.length
  await replaceApp()
  await replaceApp()
  for (const { authorization } of (await admin.api.listAccess({ query: {} })).items) {
    if (authorization) await admin.api.deleteAuthorization({ params: { id: authorization.id } })
  }
  const all = await revocations(3)
  assert.equal(all.at(-1), 'grant of carol at github: revoked')
  assert.equal(github.token(password)?.revoked, true)
  assert.equal(github.calls.slice(made).filter((call) => call.startsWith('DELETE')).length, 1)
})

test('an app that came back is remembered with the secret that it had last', async () => {
  const { length: made } = await revocations(0)
  const { row, ask } = await runtime('returning')
  const app = await replaceApp()
  assert.equal((await authorize(row)).status, 'completed')
  const { password } = await ask()
  const { id } = await admin.api.getClientForm({ query: { provider_id } })
  await replaceApp()
  app.client_secret = 'another'
  const { client_id, client_secret } = app
  await admin.api.putClient({ body: { id, provider_id, client_id, client_secret } })
  await replaceApp()
  const { authorization } = await admin.access(row.runtime_id)
  await admin.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
  assert.equal((await revocations(made + 1)).at(-1), 'grant of carol at github: revoked')
  assert.equal(github.token(password)?.revoked, true)
})

test('a grant that waits for a word about its account is ended as the app that it was made to', async () => {
  const { length: made } = await revocations(0)
  const { row, ask } = await runtime('waiting')
  const app = await replaceApp()
  assert.equal((await authorize(row)).status, 'completed')
  const { password } = await ask()
  const { id, status } = await authorize(row, 'dave')
  assert.equal(status, 'account_changed')
  await using events = await admin.events()
  const next = await replaceApp()
  assert.equal((await revocations(made + 1)).at(-1), 'grant of dave at github: revoked')
  assert.ok(told(app) && !told(next))
  const params = { id }
  const ended = await events.until(async () => {
    const now = await admin.api.getAuthorizationRequest({ params })
    return now.status === 'refused' ? now : undefined
  })
  assert.match(ended.problem?.detail ?? '', /replaced the app/)
  await refusal(admin.api.confirmAuthorizationRequest({ params }), 'not-found')
  assert.equal(github.token(password)?.revoked, false)
})

test('so is what the host was granting to it as it was replaced, and nobody uses that', async () => {
  const { length: made } = await revocations(0)
  const { row } = await runtime('late')
  const app = await replaceApp()
  const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  github.holdBack = (path) => {
    if (path !== '/login/oauth/access_token') return undefined
    github.holdBack = undefined
    held.resolve()
    return released.promise
  }
  const authorized = authorize(row)
  await held.promise
  const next = await replaceApp()
  released.resolve()
  const { status, problem } = await authorized
  assert.equal(status, 'refused')
  assert.match(problem?.detail ?? '', /replaced the app that you allowed/)
  assert.equal((await revocations(made + 1)).at(-1), 'grant of an account at github: revoked')
  assert.ok(told(app) && !told(next))
  assert.equal((await admin.access(row.runtime_id)).authorization, null)
})

test('what was granted with a code to the app before is not looked at any more', async () => {
  await using octo = await startDeviceForge(countersign)
  const provider_id = octo.provider.id
  const person = await countersign.person('vera')
  octo.forge.interruptionFor = (path) =>
    path.endsWith('/user') ? { status: 503, body: 'Away' } : undefined
  const { id, device } = await beginWithCode(person, octo.row)
  octo.devices.approve(device?.user_code ?? '', 'carol')
  const request = () =>
    database.db
      .selectFrom('authorization_requests')
      .select(['status', 'next_poll_at'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
  await until('the grant', async () => (await request()).status === 'exchanging')
  const form = await admin.api.getClientForm({ query: { provider_id } })
  const { client_id, client_secret } = octo.forge.oauth.registerClient(form.callback_url)
  await admin.api.putClient({ body: { id: form.id, provider_id, client_id, client_secret } })
  const { problem } = await outcomeOf(person, id)
  assert.match(problem?.detail ?? '', /replaced the app that you allowed/)
  assert.deepEqual(await request(), { status: 'refused', next_poll_at: null })
})

test('who is at the Git host as the app is replaced is told so, and can begin again', async () => {
  const { row } = await runtime('midway')
  const { status, problem } = await authorize(
    row,
    'carol',
    async (person: typeof admin, place: typeof row) => {
      const begun = await beginOAuth(person, place)
      await replaceApp()
      return begun
    },
  )
  assert.equal(status, 'refused')
  assert.match(problem?.detail ?? '', /replaced the app that you allowed.*Authorize access again/)
  assert.equal((await authorize(row)).status, 'completed')
})

test('so is who has a code to enter there, and the new app is not blamed', async () => {
  await using octo = await startDeviceForge(countersign, 'Octo2')
  const provider_id = octo.provider.id
  const person = await countersign.person('vita')
  const { id } = await beginWithCode(person, octo.row)
  const form = await admin.api.getClientForm({ query: { provider_id } })
  const { client_id, client_secret } = octo.forge.oauth.registerClient(form.callback_url)
  await admin.api.putClient({ body: { id: form.id, provider_id, client_id, client_secret } })
  octo.forge.interruptionFor = (path) =>
    path === '/login/oauth/access_token'
      ? { status: 200, body: { error: 'incorrect_client_credentials' } }
      : undefined
  const { status, problem } = await outcomeOf(person, id)
  assert.equal(status, 'refused')
  assert.match(problem?.detail ?? '', /replaced the app that you allowed/)
  const { client } = await admin.api.getClientForm({ query: { provider_id } })
  assert.equal(client?.test, null)
})
