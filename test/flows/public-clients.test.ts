import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import type { OAuthClient, ProviderKind } from '../../src/contract/index.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { ALICE, endAccess } from '../harness/granted.ts'
import { authorizeWithOAuth, beginOAuth, comeBack } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { startGithub } from '../standins/github/github.ts'
import { startGitlab } from '../standins/gitlab/gitlab.ts'

/** Apps without a secret: registered, tested, used, given one and rid of it again. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, provider } = countersign
const gitlab = await startGitlab()
after(() => gitlab.close())
const github = await startGithub()
after(() => github.close())

interface Place {
  provider_id: string
  runtime_id?: string
}

async function register(kind: ProviderKind, name: string, base_url: string): Promise<string> {
  const body = { kind, name, base_url, private_address_confirmed: true }
  return (await admin.api.createProvider({ body })).id
}

async function put(
  place: Place,
  client_id: string,
  secret: { public_client: boolean } | { client_secret: string },
): Promise<OAuthClient> {
  const { id } = await admin.api.getClientForm({ query: place })
  return await admin.api.putClient({ body: { id, ...place, client_id, ...secret } })
}

const callbackOf = async (place: Place) =>
  (await admin.api.getClientForm({ query: place })).callback_url

/** A runtime that is authorized with an app, and what Git would get there as the administrator. */
async function runtimeAt(provider_id: string, url: string, own = false) {
  const name = `r-${crypto.randomUUID().slice(0, 8)}`
  const made = await admin.api.createRuntime({ body: { name, provider_ids: [provider_id] } })
  const row = { runtime_id: made.runtime.id, provider_id }
  const auth_mode = own ? 'custom_client' : 'default_client'
  await admin.api.updateRuntimeProvider({ params: row, body: { auth_mode } })
  const { host } = new URL(url)
  const body = { person: admin.person.email, protocol: 'http', host } as const
  const ask = () => runtimeClient(countersign.vault_url, made.key).issueCredential({ body })
  return { row, ask }
}

/** What a vault finds when it tests an app. */
async function tested({ id, provider: { id: provider_id } }: OAuthClient) {
  await using events = await admin.events()
  await admin.api.testClient({ params: { id } })
  const query = { provider_id }
  return await events.until(
    async () => (await admin.api.getClientForm({ query })).client?.test ?? undefined,
  )
}

/** Carol signs in at GitLab and allows it. */
async function authorizeAtGitlab(row: { runtime_id: string; provider_id: string }): Promise<void> {
  const { request, authorization_url } = await beginOAuth(admin, row)
  gitlab.oauth.signIn('carol')
  const sent = await fetch(authorization_url, { redirect: 'manual' })
  await using events = await admin.events()
  await comeBack(sent.headers.get('location') ?? '', admin.cookie)
  const done = await events.until(async () => {
    const now = await admin.api.getAuthorizationRequest({ params: { id: request.id } })
    return now.status === 'exchanging' ? undefined : now
  })
  assert.equal(done.status, 'completed', done.problem?.detail)
}

suite('at the sandbox forge', () => {
  const place = { provider_id: provider.id }

  async function appAtForge(confidential_client: boolean): Promise<string> {
    const response = await fetch(`${forge.url}/api/v1/user/applications/oauth2`, {
      method: 'POST',
      headers: {
        authorization: `token ${await forge.token('alice', ['all'])}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({
        name: 'countersign',
        confidential_client,
        redirect_uris: [await callbackOf(place)],
      }),
    })
    return ((await response.json()) as { client_id: string }).client_id
  }

  test('people authorize with an app without a secret, and their tokens are refreshed', async () => {
    assert.equal((await admin.api.getClientForm({ query: place })).public_clients, true)
    const client = await put(place, await appAtForge(false), { public_client: true })
    assert.equal(client.public_client, true)
    const { outcome, detail } = await tested(client)
    assert.equal(outcome, 'passed')
    assert.match(detail, /knows this app, and wants no secret of it/)
    const { row, ask } = await runtimeAt(provider.id, forge.url)
    const done = await authorizeWithOAuth(admin, row, ALICE)
    assert.equal(done.status, 'completed', done.problem?.detail)
    const { password } = await ask()
    await endAccess(countersign)
    assert.notEqual((await ask()).password, password)
  })

  test('an app that has one there is found out by the test, and by the first who authorizes', async () => {
    const client = await put(place, await appAtForge(true), { public_client: true })
    const { outcome, detail } = await tested(client)
    assert.equal(outcome, 'failed')
    assert.match(detail, /Check its id, and that it is a public client there/)
    const { row } = await runtimeAt(provider.id, forge.url)
    const done = await authorizeWithOAuth(admin, row, ALICE)
    assert.match(done.problem?.type ?? '', /client-misconfigured$/)
  })
})

suite('at GitLab', () => {
  test('a secret can be given up and taken again, and people notice nothing', async () => {
    const provider_id = await register('gitlab', 'GitLab', gitlab.url)
    const place = { provider_id }
    const app = gitlab.oauth.registerPublicClient(await callbackOf(place))
    const { client_id, client_secret } = app
    await put(place, client_id, { client_secret })
    const { row, ask } = await runtimeAt(provider_id, gitlab.url)
    await authorizeAtGitlab(row)

    async function refreshed(): Promise<void> {
      const { password } = await ask()
      await endAccess(countersign)
      assert.notEqual((await ask()).password, password)
    }
    await refreshed()
    assert.equal((await put(place, client_id, { public_client: true })).public_client, true)
    await refreshed()
    assert.equal((await put(place, client_id, { client_secret })).public_client, false)
    await refreshed()
    const subjects = await database.db
      .selectFrom('audit')
      .select('subject')
      .where('action', '=', 'client.put')
      .where('subject', 'like', `app ${client_id}%`)
      .orderBy('id')
      .execute()
    assert.deepEqual(
      subjects.map(({ subject }) => subject.replace(`app ${client_id}`, '')),
      [' at GitLab', ' at GitLab, without a secret', ' at GitLab'],
    )
  })

  test('its grants are ended there, also when the app is gone here', async () => {
    const { items } = await admin.api.listProviders({ query: { q: 'GitLab' } })
    const provider_id = items[0]?.id ?? ''
    const { row } = await runtimeAt(provider_id, gitlab.url, true)
    const app = gitlab.oauth.registerPublicClient(await callbackOf(row))
    await put(row, app.client_id, { public_client: true })
    await authorizeAtGitlab(row)
    const ended = () =>
      database.db
        .selectFrom('audit')
        .select('subject')
        .where('action', '=', 'connection.revoke')
        .execute()
    gitlab.calls.length = 0
    await admin.api.deleteRuntime({ params: { id: row.runtime_id } })
    await until('the revocation', async () => (await ended()).length > 0)
    assert.deepEqual(await ended(), [{ subject: 'grant of carol at GitLab: revoked' }])
    assert.equal(gitlab.calls.filter((call) => call === 'POST /oauth/revoke').length, 2)
  })
})

suite('what is refused', () => {
  test('an app without a secret where the Git host wants one of every app', async () => {
    const provider_id = await register('github', 'GitHub', github.url)
    const form = await admin.api.getClientForm({ query: { provider_id } })
    assert.equal(form.public_clients, false)
    const { detail } = await refusal(
      put({ provider_id }, 'an-app', { public_client: true }),
      'client-secret-needed',
    )
    assert.match(detail, /Copy the secret/)
    assert.equal((await admin.api.getClientForm({ query: { provider_id } })).client, null)
  })

  test('an app where another one was registered meanwhile', async () => {
    const place = { provider_id: provider.id }
    const { client } = await admin.api.getClientForm({ query: place })
    assert.ok(client)
    const body = { id: crypto.randomUUID(), ...place, client_id: 'late', client_secret: 'late' }
    const { detail } = await refusal(admin.api.putClient({ body }), 'client-exists')
    assert.match(detail, /Reload the form/)
    assert.deepEqual((await admin.api.getClientForm({ query: place })).client, client)
  })

  test('the id of an app in another place, which stays as it is', async () => {
    const place = { provider_id: provider.id }
    const client = await put(place, 'an-app', { client_secret: 'its secret' })
    const { row } = await runtimeAt(provider.id, forge.url)
    const kind = 'azure-devops'
    const body = { kind, name: 'Azure', base_url: 'https://dev.azure.com/contoso' } as const
    const { id: other } = await database.db
      .insertInto('providers')
      .values({ ...body, origin: 'https://dev.azure.com', private_address_confirmed: false })
      .returning('id')
      .executeTakeFirstOrThrow()
    for (const elsewhere of [row, { provider_id: other }]) {
      const app = { client_id: 'other', public_client: true }
      const { extensions } = await refusal(
        admin.api.putClient({ body: { id: client.id, ...elsewhere, ...app } }),
        'request-invalid',
      )
      assert.equal(extensions.errors?.[0]?.pointer, '/id')
    }
    assert.deepEqual((await admin.api.getClientForm({ query: place })).client, client)
  })

  test('a secret of an app that has none, and silence about it', async () => {
    const place = { provider_id: provider.id }
    for (const body of [
      { public_client: true, client_secret: 'one' },
      { public_client: true, client_secret_box: 'one' },
      { public_client: false },
    ]) {
      const { detail } = await refusal(put(place, 'an-app', body), 'request-invalid')
      assert.match(detail, /`public_client` for an app without a secret/)
    }
  })
})
