import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { ALICE, TOKEN_ENDPOINT } from '../harness/granted.ts'
import { authorizeWithOAuth, beginOAuth, registerApp, registerClient } from '../harness/oauth.ts'
import type { PersonClient } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'

/** What an administrator sets for one runtime and Git host, as Git and people feel it. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, page_url, provider, vault_url } = countersign
const DAY_MS = 86_400_000
const app = { url: forge.url, token: await forge.token('alice', ['all']) }

/** A runtime, and how `person` stands with it. */
async function runtimeOf(person: PersonClient) {
  const { runtime, key } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const { host } = new URL(forge.url)
  const body = { person: person.person.email, protocol: 'http', host } as const
  return {
    row,
    set: (change: Parameters<typeof admin.api.updateRuntimeProvider>[0]['body']) =>
      admin.api.updateRuntimeProvider({ params: row, body: change }),
    authorization: async () => (await person.access(runtime.id)).authorization,
    credential: () => runtimeClient(vault_url, key).issueCredential({ body }),
    async authorize() {
      const done = await authorizeWithOAuth(person, row, ALICE)
      assert.equal(done.status, 'completed', done.problem?.detail)
      const { authorization } = await person.access(runtime.id)
      assert.ok(authorization)
      return authorization.connection.id
    },
    /** Makes the authorization look as if it had been given so many days ago. */
    async age(days: number) {
      await sql`update authorizations set authorized_at = authorized_at - make_interval(days => ${days}),
        expires_at = expires_at - make_interval(days => ${days})
        where runtime_id = ${runtime.id}`.execute(database.db)
    },
  }
}

type RuntimeEnd = Awaited<ReturnType<typeof runtimeOf>>

async function daysLeft(runtime: RuntimeEnd): Promise<number | null> {
  const end = (await runtime.authorization())?.expires_at ?? null
  return end === null ? null : Math.round((Date.parse(end) - Date.now()) / DAY_MS)
}

suite('how long an authorization lives', () => {
  test('a limit that was set before ends it for this runtime alone; a new word begins anew', async () => {
    const person = await countersign.person('anna')
    const [limited, free] = [await runtimeOf(person), await runtimeOf(person)]
    await registerClient(admin, app, limited.row)
    await free.set({ auth_mode: 'default_client' })
    await limited.set({ max_age_days: 30 })
    const connection_id = await limited.authorize()
    await person.api.createAuthorization({ body: { ...free.row, connection_id } })
    assert.deepEqual([await daysLeft(limited), await daysLeft(free)], [30, null])
    await limited.credential()

    await limited.age(30)
    const { detail } = await refusal(limited.credential(), 'reauthorization-required')
    assert.ok(detail.includes(`${page_url}/tokens/${limited.row.runtime_id}/`), detail)
    assert.equal((await limited.authorization())?.connection.status, 'reauthorization_required')
    assert.ok((await free.credential()).password)

    assert.equal(await limited.authorize(), connection_id, 'the grant is the same')
    assert.equal(await daysLeft(limited), 30)
    await limited.credential()
  })

  test('what works beyond its limit is offered again, and a word is enough', async () => {
    const person = await countersign.person('agathe')
    const runtime = await runtimeOf(person)
    const offered = async () => {
      const { reusable_connections } = await person.api.getAccess({ params: runtime.row })
      return reusable_connections.map(({ id }) => id)
    }
    await runtime.set({ max_age_days: 30 })
    await person.addToken(runtime.row, await forge.token())
    assert.deepEqual(await offered(), [])
    await runtime.age(25)
    assert.equal((await offered()).length, 1, 'also before it is over')
    await runtime.age(5)
    await refusal(runtime.credential(), 'reauthorization-required')
    const connection_id = (await runtime.authorization())?.connection.id ?? ''
    assert.deepEqual(await offered(), [connection_id])
    await person.api.createAuthorization({ body: { ...runtime.row, connection_id } })
    assert.equal(await daysLeft(runtime), 30)
    assert.deepEqual(await offered(), [])
    await runtime.credential()
  })

  test('a limit that is set later counts from the day of each, and can be lifted', async () => {
    const person = await countersign.person('berta')
    const runtime = await runtimeOf(person)
    await person.addToken(runtime.row, await forge.token())
    assert.equal(await daysLeft(runtime), null)
    await runtime.age(10)
    await runtime.set({ max_age_days: 30 })
    assert.equal(await daysLeft(runtime), 20)
    await runtime.credential()
    await runtime.set({ max_age_days: 10 })
    await refusal(runtime.credential(), 'reauthorization-required')
    await runtime.set({ max_age_days: null })
    assert.equal(await daysLeft(runtime), null)
    await runtime.credential()
  })

  test('people are warned of its end as early as is set, and not on the days before', async () => {
    const person = await countersign.person('clara')
    const runtime = await runtimeOf(person)
    await runtime.set({ max_age_days: 30, warning_days: 10 })
    await person.addToken(runtime.row, await forge.token())
    const status = async () => (await runtime.authorization())?.connection.status
    await runtime.age(19)
    assert.equal(await status(), 'valid')
    await runtime.age(1)
    assert.equal(await status(), 'expiring')
    await runtime.credential()
    await runtime.set({ warning_days: 9 })
    assert.equal(await status(), 'valid')
    await runtime.set({ warning_days: 0 })
    await runtime.age(9)
    assert.equal(await status(), 'valid')
  })
})

suite('a runtime with an app of its own', () => {
  test('has grants of its own, which are refreshed by that app and end with it', async () => {
    const person = await countersign.person('dora')
    const [usual, own] = [await runtimeOf(person), await runtimeOf(person)]
    const registered = await registerClient(admin, app, usual.row)
    const granted = await usual.authorize()

    await own.set({ auth_mode: 'custom_client' })
    await refusal(beginOAuth(person, own.row), 'client-not-registered')
    const offer = () => person.api.getAccess({ params: own.row })
    assert.equal((await offer()).oauth, 'client_not_registered')
    const client = await registerApp(admin, app, own.row)
    assert.notEqual(client.client_id, registered.client_id)
    assert.equal((await offer()).oauth, 'ready')

    // What was granted to the default app is none of its business, nor the other way round.
    assert.deepEqual((await offer()).reusable_connections, [])
    const share = (row: typeof own.row, connection_id: string) =>
      person.api.createAuthorization({ body: { ...row, connection_id } })
    await refusal(share(own.row, granted), 'connection-not-usable')
    const { authorization_url } = await beginOAuth(person, own.row)
    assert.equal(new URL(authorization_url).searchParams.get('client_id'), client.client_id)
    const its = await own.authorize()
    assert.notEqual(its, granted)
    await refusal(share(usual.row, its), 'connection-not-usable')
    const third = await runtimeOf(person)
    await third.set({ auth_mode: 'default_client' })
    const { reusable_connections } = await person.api.getAccess({ params: third.row })
    assert.deepEqual(
      reusable_connections.map(({ id }) => id),
      [granted],
    )

    const usedBy = async (place: { provider_id: string; runtime_id?: string }) =>
      (await admin.api.getClientForm({ query: place })).used_by
    assert.deepEqual(await usedBy(own.row), { people: 1, runtimes: 1 })
    const atDefault = await usedBy({ provider_id: provider.id })
    await share(third.row, granted)
    const more = await usedBy({ provider_id: provider.id })
    assert.deepEqual(more, { ...atDefault, runtimes: atDefault.runtimes + 1 })

    // The default app is of no use any more at the Git host; the own one refreshes on.
    const before = [(await usual.credential()).password, (await own.credential()).password]
    assert.notEqual(before[0], before[1])
    await admin.api.putClient({
      body: { ...inPlace(registered), client_id: registered.client_id, client_secret: 'wrong' },
    })
    await forge.control('DELETE', '/control/calls')
    await sql`update connections set version = version + 1, access_expires_at = now(),
      refresh_due_at = null where id in (${its}, ${granted})`.execute(database.db)
    const fresh = await own.credential()
    assert.ok(!before.includes(fresh.password))
    assert.equal(await forge.calls(TOKEN_ENDPOINT), 1)
    await refusal(usual.credential(), 'provider-unavailable')
    const { client_id, client_secret } = registered
    await admin.api.putClient({ body: { ...inPlace(registered), client_id, client_secret } })
    await usual.credential()

    await admin.api.deleteClient({ params: { id: client.id } })
    assert.equal((await own.authorization())?.connection.status, 'reauthorization_required')
    await refusal(own.credential(), 'reauthorization-required')
    assert.equal((await offer()).oauth, 'client_not_registered')
    assert.deepEqual(await usedBy(own.row), { people: 0, runtimes: 0 })
    assert.equal((await usual.authorization())?.connection.status, 'valid')
    await usual.credential()

    // Back to the default app: a word, and no second sign-in.
    await own.set({ auth_mode: 'default_client' })
    await share(own.row, granted)
    assert.equal((await own.credential()).password, (await usual.credential()).password)
  })

  test('an app that is registered anew in its place makes what was granted before be granted again', async () => {
    const person = await countersign.person('emmy')
    const runtime = await runtimeOf(person)
    await runtime.set({ auth_mode: 'custom_client' })
    const first = await registerApp(admin, app, runtime.row)
    await runtime.authorize()
    await admin.api.deleteClient({ params: { id: first.id } })
    await registerApp(admin, app, runtime.row)
    await refusal(runtime.credential(), 'reauthorization-required')
    await runtime.authorize()
    assert.ok((await runtime.credential()).password)
    const left = await database.db
      .selectFrom('connections')
      .select('status')
      .where('owner_id', '=', person.person.id)
      .execute()
    assert.deepEqual(left, [{ status: 'valid' }], 'what the old app was granted is destroyed')
  })
})

suite('a runtime that is authorized with OAuth2', () => {
  test('takes a pasted token only where that is allowed too, and keeps the one it has', async () => {
    const person = await countersign.person('frieda')
    const [pasted, runtime] = [await runtimeOf(person), await runtimeOf(person)]
    const token = await forge.token()
    assert.equal((await person.addToken(pasted.row, token)).status, 'accepted')
    const connection_id = (await pasted.authorization())?.connection.id ?? ''
    const reuse = () => person.api.createAuthorization({ body: { ...runtime.row, connection_id } })
    const assertRefused = async (call: Promise<unknown>) => {
      const { detail } = await refusal(call, 'token-not-allowed')
      assert.equal(detail, 'Authorize access to Forge instead.')
    }
    await runtime.set({ auth_mode: 'default_client', token_allowed: false })
    await assertRefused(person.addToken(runtime.row, token))
    await assertRefused(person.addTokenInClear(runtime.row, token))
    await assertRefused(reuse())
    assert.equal(await runtime.authorization(), null)

    await runtime.set({ token_allowed: true })
    assert.equal((await reuse()).authorization?.connection.id, connection_id)
    const next = await forge.token()
    assert.equal((await person.addToken(runtime.row, next)).status, 'accepted')
    assert.equal((await runtime.credential()).password, next)

    await runtime.set({ token_allowed: false })
    await assertRefused(person.addToken(runtime.row, token))
    assert.equal((await runtime.credential()).password, next)
  })
})

function inPlace({ id, provider: { id: provider_id } }: { id: string; provider: { id: string } }) {
  return { id, provider_id }
}
