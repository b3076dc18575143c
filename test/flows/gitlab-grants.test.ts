import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startCountersign } from '../harness/countersign.ts'
import { connectionOf } from '../harness/granted.ts'
import { beginOAuth, comeBack } from '../harness/oauth.ts'
import { startGitlab } from '../standins/gitlab/gitlab.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin } = countersign
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
