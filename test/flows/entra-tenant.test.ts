import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import type { AuthorizationRequest } from '../../src/contract/index.ts'
import { startCountersign } from '../harness/countersign.ts'
import { connectionOf, wakeScheduler } from '../harness/granted.ts'
import { beginOAuth, comeBack } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { startAzureDevOps } from '../standins/azure-devops/azure-devops.ts'

const RESOURCE = '499b84ac-1321-427f-aa17-267ca6975798'
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
async function begin(provider_id: string, scopes: string[] | null = null) {
  const { id, callback_url } = await admin.api.getClientForm({ query: { provider_id } })
  const { client_id, client_secret } = entra.oauth.registerClient(callback_url)
  await admin.api.putClient({ body: { id, provider_id, client_id, client_secret } })
  const { runtime } = await admin.api.createRuntime({
    body: { name: 'builder', provider_ids: [provider_id] },
  })
  const row = { runtime_id: runtime.id, provider_id }
  await admin.api.updateRuntimeProvider({
    params: row,
    body: { auth_mode: 'default_client', scopes },
  })
  return { row, ...(await beginOAuth(admin, row)) }
}

/** Carol signs in and allows it, and her browser comes back. */
async function signedIn(
  authorization_url: string,
  id: string,
  ends: AuthorizationRequest['status'] = 'completed',
): Promise<AuthorizationRequest> {
  entra.oauth.signIn('carol')
  const sent = await fetch(authorization_url, { redirect: 'manual' })
  await using events = await admin.events()
  await comeBack(sent.headers.get('location') ?? '', admin.cookie)
  const over = await events.until(async () => {
    const now = await admin.api.getAuthorizationRequest({ params: { id } })
    return now.status === 'exchanging' ? undefined : now
  })
  assert.equal(over.status, ends)
  return over
}

test('people sign in at the tenant that the administrator named, and the grant is made there', async () => {
  const provider = await register('Azure', { tenant: TENANT })
  assert.equal(provider.tenant, TENANT)
  const { row, request, authorization_url } = await begin(provider.id)
  assert.ok(authorization_url.startsWith(`${entra.url}/${TENANT}/oauth2/v2.0/authorize?`))
  await signedIn(authorization_url, request.id)
  const { authorization } = await admin.access(row.runtime_id)
  assert.equal(authorization?.connection.account.login, 'carol@example.com')
  await admin.api.deleteRuntime({ params: { id: row.runtime_id } })
  await admin.api.deleteProvider({ params: { id: provider.id } })
})

test('a refresh asks for the scopes that the grant was asked for, and not for others', async () => {
  const provider = await register('Azure', { tenant: TENANT })
  const chosen = [`${RESOURCE}/vso.code_write`, 'offline_access']
  const { row, request, authorization_url } = await begin(provider.id, chosen)
  const { searchParams } = new URL(authorization_url)
  assert.equal(searchParams.get('scope'), chosen.join(' '))
  await signedIn(authorization_url, request.id)
  const { version } = await connectionOf(countersign)
  // What is asked for from now on changes nothing about what was granted.
  await admin.api.updateRuntimeProvider({ params: row, body: { scopes: null } })
  await sql`update connections set refresh_due_at = now()`.execute(countersign.database.db)
  await using events = await admin.events()
  await wakeScheduler(countersign)
  const refreshed = await events.until(async () => {
    const now = await connectionOf(countersign)
    return now.version > version || now.check_failed_reason !== null ? now : undefined
  })
  assert.equal(refreshed.check_failed_reason, null)
  assert.equal(refreshed.version, version + 1)
  await admin.api.deleteRuntime({ params: { id: row.runtime_id } })
  await admin.api.deleteProvider({ params: { id: provider.id } })
})

test('a policy that is in the way ends no grant, and the row says what it is', async () => {
  const provider = await register('Azure', { tenant: TENANT })
  const { row, request, authorization_url } = await begin(provider.id)
  await signedIn(authorization_url, request.id)
  const before = await connectionOf(countersign)
  entra.interruptionFor = (path) =>
    path.endsWith('/token')
      ? { status: 400, body: { error: 'invalid_grant', error_codes: [53003] } }
      : undefined
  await sql`update connections set refresh_due_at = now()`.execute(countersign.database.db)
  await using events = await admin.events()
  await wakeScheduler(countersign)
  const blocked = await events.until(async () => {
    const now = await connectionOf(countersign)
    return now.check_failed_reason === null ? undefined : now
  })
  assert.equal(blocked.status, before.status)
  assert.ok(blocked.refresh_due_at, 'it is tried again')
  assert.equal(
    blocked.check_failed_reason,
    'Azure could not be asked for a new token. A policy at Azure is in the way, such as one that ' +
      'names places. An administrator there can let the address of the vault in.',
  )
  // Authorizing anew ends the same way, and says so.
  const again = await beginOAuth(admin, row)
  const { problem } = await signedIn(again.authorization_url, again.request.id, 'refused')
  assert.match(problem?.detail ?? '', /A policy at Azure is in the way/)
  assert.doesNotMatch(problem?.detail ?? '', /try again/)
  entra.interruptionFor = undefined
  await sql`update connections set refresh_due_at = now()`.execute(countersign.database.db)
  await wakeScheduler(countersign)
  const refreshed = await events.until(async () => {
    const now = await connectionOf(countersign)
    return now.version > before.version ? now : undefined
  })
  assert.equal(refreshed.check_failed_reason, null)
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
