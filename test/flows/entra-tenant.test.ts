import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startCountersign } from '../harness/countersign.ts'
import { beginOAuth, comeBack } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { startAzureDevOps } from '../standins/azure-devops/azure-devops.ts'

const TENANT = 'contoso.onmicrosoft.com'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, page_url } = countersign
const entra = await startAzureDevOps(TENANT)
after(() => entra.close())

const register = (name: string, more: { tenant?: string } = {}) =>
  admin.api.createProvider({
    body: {
      kind: 'azure-devops',
      name,
      base_url: `${entra.url}/contoso`,
      private_address_confirmed: true,
      ...more,
    },
  })

/** A runtime that is authorized with the app of a provider, and where its people are sent. */
async function begin(provider_id: string) {
  const { id, callback_url } = await admin.api.getClientForm({ query: { provider_id } })
  const { client_id, client_secret } = entra.oauth.registerClient(callback_url)
  await admin.api.putClient({ body: { id, provider_id, client_id, client_secret } })
  const { runtime } = await admin.api.createRuntime({
    body: { name: 'builder', provider_ids: [provider_id] },
  })
  const row = { runtime_id: runtime.id, provider_id }
  await admin.api.updateRuntimeProvider({ params: row, body: { auth_mode: 'default_client' } })
  return { row, ...(await beginOAuth(admin, row)) }
}

test('people sign in at the tenant that the administrator named, and the grant is made there', async () => {
  const provider = await register('Azure', { tenant: TENANT })
  assert.equal(provider.tenant, TENANT)
  const { row, request, authorization_url } = await begin(provider.id)
  assert.ok(authorization_url.startsWith(`${entra.url}/${TENANT}/oauth2/v2.0/authorize?`))
  entra.oauth.signIn('carol')
  const sent = await fetch(authorization_url, { redirect: 'manual' })
  await using events = await admin.events()
  await comeBack(sent.headers.get('location') ?? '', admin.cookie)
  const { status } = await events.until(async () => {
    const now = await admin.api.getAuthorizationRequest({ params: { id: request.id } })
    return now.status === 'exchanging' ? undefined : now
  })
  assert.equal(status, 'completed')
  const { authorization } = await admin.access(row.runtime_id)
  assert.equal(authorization?.connection.account.login, 'carol@example.com')
  await admin.api.deleteRuntime({ params: { id: row.runtime_id } })
  await admin.api.deleteProvider({ params: { id: provider.id } })
})

test('without one, people of any organization sign in', async () => {
  const provider = await register('Azure')
  assert.equal(provider.tenant, null)
  const { authorization_url } = await begin(provider.id)
  assert.ok(authorization_url.startsWith(`${entra.url}/organizations/oauth2/v2.0/authorize?`))
})

test('a host that has no tenants is not registered with one', async () => {
  const body = { kind: 'gitea', name: 'Other', base_url: page_url, tenant: TENANT } as const
  const problem = await refusal(admin.api.createProvider({ body }), 'request-invalid')
  assert.match(problem.detail, /Gitea has no tenants/)
  const odd = { ...body, kind: 'azure-devops', tenant: '../organizations' } as const
  await refusal(admin.api.createProvider({ body: odd }), 'request-invalid')
})
