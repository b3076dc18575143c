import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import type { Provider } from '../../src/contract/index.ts'
import { startCountersign } from '../harness/countersign.ts'
import { startForge } from '../harness/forge.ts'
import { authorized } from '../harness/granted.ts'
import { beginOAuth } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { startAzureDevOps } from '../standins/azure-devops/azure-devops.ts'

/** What an administrator may change about a Git host, and what that does to those who use it. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge } = countersign
const { db } = database
const second = await startForge()
after(() => second[Symbol.asyncDispose]())
const entra = await startAzureDevOps()
after(() => entra.close())
const third = await startForge()
after(() => third[Symbol.asyncDispose]())

type Change = Parameters<typeof admin.api.updateProvider>[0]['body']

const change = (id: string, body: Change) => admin.api.updateProvider({ params: { id }, body })

const read = async (id: string) =>
  (await admin.api.listProviders({ query: { limit: 100 } })).items.find((one) => one.id === id)

async function lastAudit(): Promise<string | undefined> {
  const { items } = await admin.api.listAudit({ query: { limit: 1 } })
  return items[0] && `${items[0].action}: ${items[0].subject}`
}

suite('a name', () => {
  test('changes everywhere, and nobody has to authorize again', async () => {
    const { row, ask } = await authorized(countersign)
    const before = await ask()
    const changed = await change(row.provider_id, { name: ' Company Git ' })
    assert.equal(changed.name, 'Company Git')
    assert.equal(await lastAudit(), `provider.update: Forge (${forge.url}): called Company Git`)
    const access = await admin.access(row.runtime_id)
    assert.equal(access.provider.name, 'Company Git')
    assert.equal(access.authorization?.connection.status, 'valid')
    assert.equal((await ask()).password, before.password)
  })

  test('of another Git host is taken', async () => {
    const other = await registered('Other', second.url)
    const { detail } = await refusal(change(other.id, { name: 'Company Git' }), 'name-taken')
    assert.match(detail, /There is a Git host called Company Git already/)
    assert.deepEqual(await read(other.id), other)
    await admin.api.deleteProvider({ params: { id: other.id } })
  })

  test('is for administrators to change', async () => {
    const bob = await countersign.person('bob')
    const params = { id: countersign.provider.id }
    const call = bob.api.updateProvider({ params, body: { name: 'Mine' } })
    await refusal(call, 'not-an-administrator')
  })

  test('of no Git host is not found', async () => {
    await refusal(change(randomUUID(), { name: 'X' }), 'not-found')
  })
})

async function registered(name: string, base_url: string): Promise<Provider> {
  const body = { kind: 'gitea', name, base_url, private_address_confirmed: true } as const
  return await admin.api.createProvider({ body })
}

suite('a tenant', () => {
  test('changes where people sign in, and can be taken away', async () => {
    const { id: provider_id } = await admin.api.createProvider({
      body: {
        kind: 'azure-devops',
        name: 'Azure',
        base_url: `${entra.url}/contoso`,
        private_address_confirmed: true,
        tenant: 'contso.onmicrosoft.com',
      },
    })
    const form = await admin.api.getClientForm({ query: { provider_id } })
    const body = { id: form.id, provider_id, client_id: 'an-app', client_secret: 'a-secret' }
    await admin.api.putClient({ body })
    const { runtime } = await admin.api.createRuntime({
      body: { name: 'azure', provider_ids: [provider_id] },
    })
    const row = { runtime_id: runtime.id, provider_id }
    await admin.api.updateRuntimeProvider({ params: row, body: { auth_mode: 'default_client' } })
    for (const tenant of ['contoso.onmicrosoft.com', null]) {
      assert.equal((await change(provider_id, { tenant })).tenant, tenant)
      const { authorization_url } = await beginOAuth(admin, row)
      const path = `/${tenant ?? 'organizations'}/oauth2/v2.0/authorize`
      assert.equal(new URL(authorization_url).pathname, path)
    }
  })

  test('is nothing for a host that has none', async () => {
    const { id } = countersign.provider
    const { detail } = await refusal(change(id, { tenant: 'contoso' }), 'request-invalid')
    assert.match(detail, /Gitea has no tenants/)
  })
})

suite('an address', () => {
  const confirmed = { private_address_confirmed: true }
  const moved = { base_url: third.url, ...confirmed }

  test('changes while nothing was given to the host, after it was asked as at first', async () => {
    const host = await registered('Typo', second.url)
    await refusal(change(host.id, { base_url: third.url }), 'provider-address-private')
    await refusal(change(host.id, { base_url: 'nonsense at all' }), 'provider-address-invalid')
    await refusal(change(host.id, { ...confirmed, base_url: forge.url }), 'provider-exists')
    const page = `http://127.0.0.1:${new URL(countersign.page_url).port}`
    await refusal(change(host.id, { ...confirmed, base_url: page }), 'provider-not-recognized')
    assert.deepEqual(await read(host.id), host)

    const changed = await change(host.id, moved)
    assert.equal(changed.base_url, third.url)
    assert.equal(await lastAudit(), `provider.update: Typo (${second.url}): at ${third.url}`)
    const { runtime } = await admin.api.createRuntime({
      body: { name: 'moved', provider_ids: [host.id] },
    })
    const row = { runtime_id: runtime.id, provider_id: host.id }
    await admin.addToken(row, await third.token())
    assert.equal((await admin.access(runtime.id)).authorization?.connection.status, 'valid')
    await admin.api.deleteRuntime({ params: { id: runtime.id } })
    await admin.api.deleteProvider({ params: { id: host.id } })
  })

  test('that is written otherwise is no other one', async () => {
    const { id } = countersign.provider
    assert.equal((await change(id, { base_url: `${forge.url}/` })).base_url, forge.url)
  })

  test('stays where there are tokens, or an app', async () => {
    const { id } = countersign.provider
    const { detail } = await refusal(change(id, moved), 'provider-address-fixed')
    assert.match(detail, /Company Git.*would be sent to another one\. Register the other address/)
    assert.equal((await read(id))?.base_url, forge.url)

    const host = await registered('With an app', second.url)
    const { id: client } = await admin.api.getClientForm({ query: { provider_id: host.id } })
    const app = { client_id: 'x', client_secret: 'x' }
    await admin.api.putClient({ body: { id: client, provider_id: host.id, ...app } })
    await refusal(change(host.id, moved), 'provider-address-fixed')
    await admin.api.deleteClient({ params: { id: client } })
    assert.equal((await change(host.id, moved)).base_url, third.url)
    await admin.api.deleteProvider({ params: { id: host.id } })
  })

  test('stays where a token comes in at the same moment', async () => {
    const host = await registered('Raced', second.url)
    const { runtime } = await admin.api.createRuntime({
      body: { name: 'raced', provider_ids: [host.id] },
    })
    let answer: Promise<unknown> = Promise.resolve()
    await db.transaction().execute(async (trx) => {
      await trx
        .insertInto('candidates')
        .values({
          id: randomUUID(),
          owner_id: admin.person.id,
          runtime_id: runtime.id,
          provider_id: host.id,
          box: 'a box',
          notes: [],
          ip: null,
        })
        .execute()
      answer = refusal(change(host.id, moved), 'provider-address-fixed')
      // The change has seen no token, and now waits for this transaction.
      await until('a change that waits for us', async () => {
        const { rows } = await sql`select from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
        return rows.length > 0
      })
    })
    await answer
    assert.equal((await read(host.id))?.base_url, second.url)
  })
})
