import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { startDeviceForge } from '../harness/device-forge.ts'
import { ALICE, authorized, wakeScheduler } from '../harness/granted.ts'
import { authorizeWithOAuth, beginOAuth, comeBack, registerClient } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { registerStandIn } from '../harness/stand-in.ts'
import { until } from '../harness/until.ts'
import { startGitlab } from '../standins/gitlab/gitlab.ts'

/** The grants of an app that was removed here are over, whatever the Git host still says of them. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, provider, vault_url } = countersign
const OVER = 'The grant is over: the Git host ended it, or its OAuth app was removed.'

async function connectionAt(runtime_id: string) {
  const { authorization } = await admin.access(runtime_id)
  assert.ok(authorization)
  return authorization.connection
}

/** Whether anything is left that a vault would do with it. */
async function due(id: string) {
  return await database.db
    .selectFrom('connections')
    .select(['check_due_at', 'check_requested_at', 'refresh_due_at'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
}

const NOTHING_DUE = { check_due_at: null, check_requested_at: null, refresh_due_at: null }

test('no check brings a grant back whose app was removed, and another app makes a new one', async () => {
  const { row, ask } = await authorized(countersign)
  await ask()
  const { client } = await admin.api.getClientForm({
    query: { provider_id: row.provider_id },
  })
  await admin.api.deleteClient({ params: { id: client?.id ?? '' } })
  const { id } = await connectionAt(row.runtime_id)
  assert.deepEqual(await due(id), NOTHING_DUE)

  const checks = [
    () => admin.api.checkConnection({ params: { id } }),
    async () => {
      await sql`update connections set check_due_at = now() where id = ${id}`.execute(database.db)
      await wakeScheduler(countersign)
    },
  ]
  for (const check of checks) {
    await using events = await admin.events()
    await check()
    await events.until(async () => {
      const { check_due_at, check_requested_at } = await due(id)
      return check_due_at === null && check_requested_at === null ? true : undefined
    })
    const { status, reason } = await connectionAt(row.runtime_id)
    assert.deepEqual([status, reason], ['reauthorization_required', OVER])
    const problem = await refusal(ask(), 'reauthorization-required')
    assert.match(problem.detail, /must authorize runtime .* again/)
  }

  const token = await forge.token('alice', ['all'])
  await registerClient(admin, { url: forge.url, token }, row)
  const done = await authorizeWithOAuth(admin, row, ALICE)
  assert.equal(done.status, 'completed', done.problem?.detail)
  assert.equal((await connectionAt(row.runtime_id)).status, 'valid')
  await ask()
})

test('the own app of a runtime goes with it, and what others used of its grants is over', async () => {
  const [own, other] = [await countersign.runtime(), await countersign.runtime()]
  const [row, shared] = [own, other].map(({ runtime }) => ({
    runtime_id: runtime.id,
    provider_id: provider.id,
  }))
  assert.ok(row && shared)
  const registered = await fetch(`${forge.url}/api/v1/user/applications/oauth2`, {
    method: 'POST',
    headers: {
      authorization: `token ${await forge.token('alice', ['all'])}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      name: 'own',
      confidential_client: true,
      redirect_uris: [(await admin.api.getClientForm({ query: row })).callback_url],
    }),
  })
  const { client_id, client_secret } = (await registered.json()) as Record<string, string>
  const form = await admin.api.getClientForm({ query: row })
  const app = { client_id: client_id ?? '', client_secret: client_secret ?? '' }
  await admin.api.putClient({ body: { id: form.id, ...row, ...app } })
  const mode = { auth_mode: 'custom_client' } as const
  await admin.api.updateRuntimeProvider({ params: row, body: mode })
  const done = await authorizeWithOAuth(admin, row, ALICE)
  assert.equal(done.status, 'completed', done.problem?.detail)
  const { id: connection_id } = await connectionAt(row.runtime_id)
  // As it could be done once; now a grant serves only runtimes with its app.
  await database.db
    .insertInto('authorizations')
    .values({ ...shared, connection_id, owner_id: admin.person.id })
    .execute()

  const { host } = new URL(forge.url)
  const body = { person: admin.person.email, protocol: 'http', host } as const
  const ask = () => runtimeClient(vault_url, other.key).issueCredential({ body })
  await ask()
  await admin.api.deleteRuntime({ params: { id: row.runtime_id } })
  const { status, reason } = await connectionAt(shared.runtime_id)
  assert.deepEqual([status, reason], ['reauthorization_required', OVER])
  assert.deepEqual(await due(connection_id), NOTHING_DUE)
  await refusal(ask(), 'reauthorization-required')
})

suite('an app that is removed while the Git host is asked for new tokens', () => {
  for (const [name, answers] of [
    ['giving', true],
    ['away', false],
  ] as const) {
    test(`which is ${name}, leaves its grant over`, async () => {
      const gitlab = await startGitlab()
      await using _ = { [Symbol.asyncDispose]: () => gitlab.close() }
      const registered = await registerStandIn(countersign, 'gitlab', gitlab, { name })
      const { row, ask } = await registered.runtime(name)
      assert.equal((await registered.authorize(row)).status, 'completed')
      const { id } = await connectionAt(row.runtime_id)
      await sql`update connections set access_expires_at = now(), refresh_due_at = null
        where id = ${id}`.execute(database.db)

      const [asked, released] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()]
      if (!answers) gitlab.interruptionFor = () => ({ status: 503 })
      gitlab.holdBack = (_path, { body }) => {
        gitlab.holdBack = undefined
        asked.resolve((body as { access_token: string } | undefined)?.access_token ?? '')
        return released.promise
      }
      const refused = refusal(ask(), 'reauthorization-required')
      const late = await asked.promise
      const form = await admin.api.getClientForm({ query: { provider_id: row.provider_id } })
      await admin.api.deleteClient({ params: { id: form.client?.id ?? '' } })
      released.resolve()
      await refused
      assert.equal((await connectionAt(row.runtime_id)).status, 'reauthorization_required')
      assert.deepEqual(await due(id), NOTHING_DUE)
      if (!answers) return
      await until('the end of the token', async () => gitlab.token(late)?.revoked === true)
    })
  }
})

test('what a host grants while the database is about to remove the app is ended there', async () => {
  const gitlab = await startGitlab()
  after(() => gitlab.close())
  const stand_in = await registerStandIn(countersign, 'gitlab', gitlab, { name: 'Ending' })
  const { provider_id } = stand_in
  const { row } = await stand_in.runtime('ending')
  const { request, authorization_url } = await beginOAuth(admin, row)
  gitlab.oauth.signIn('carol')
  const sent = await fetch(authorization_url, { redirect: 'manual' })
  const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  gitlab.holdBack = (path) => {
    if (path !== '/oauth/token') return undefined
    gitlab.holdBack = undefined
    held.resolve()
    return released.promise
  }
  await comeBack(sent.headers.get('location') ?? '', admin.cookie)
  await held.promise
  await database.db.transaction().execute(async (trx) => {
    // As with a runtime that has an app of its own: what is under way goes first.
    await trx.deleteFrom('authorization_requests').where('id', '=', request.id).execute()
    released.resolve()
    await untilWaiting()
    await trx.deleteFrom('clients').where('provider_id', '=', provider_id).execute()
  })
  const { access_token } = gitlab.oauth.given[0] ?? assert.fail()
  await until('the end of the grant', async () => gitlab.token(access_token)?.revoked === true)
})

test('what a vault kept of its answer until the app was removed is ended there', async () => {
  const gitlab = await startGitlab()
  after(() => gitlab.close())
  const stand_in = await registerStandIn(countersign, 'gitlab', gitlab, { name: 'Kept' })
  const { provider_id } = stand_in
  const { row, ask } = await stand_in.runtime('kept')
  assert.equal((await stand_in.authorize(row)).status, 'completed')
  const { id } = await connectionAt(row.runtime_id)
  await sql`update connections set access_expires_at = now(), refresh_due_at = null
    where id = ${id}`.execute(database.db)
  const [granted, released] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()]
  gitlab.holdBack = (_path, { body }) => {
    gitlab.holdBack = undefined
    granted.resolve((body as { access_token: string }).access_token)
    return released.promise
  }
  const refused = refusal(ask(), 'provider-unavailable')
  const late = await granted.promise
  await database.db.transaction().execute(async (trx) => {
    await trx.deleteFrom('clients').where('provider_id', '=', provider_id).execute()
    released.resolve()
    await untilWaiting()
    // The answer is on disk, and the database goes away before it has it.
    await sql`select pg_terminate_backend(pid, 60000) from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(trx)
  })
  await refused
  await wakeScheduler(countersign)
  await until('the end of the token', async () => gitlab.token(late)?.revoked === true)
})

suite('who begins to authorize at the moment of the removal is told that there is no app', () => {
  for (const flow of ['code', 'device'] as const) {
    test(`by ${flow} flow`, async () => {
      await using octo = await startDeviceForge(countersign, flow)
      const { row } = octo
      const begun = await database.db.transaction().execute(async (trx) => {
        await trx.deleteFrom('clients').where('provider_id', '=', row.provider_id).execute()
        const begun =
          flow === 'code'
            ? beginOAuth(admin, row)
            : admin.api.beginDeviceAuthorization({ body: row })
        // It is looked at below; it may fail before that.
        begun.catch(() => {})
        await untilWaiting()
        return { begun }
      })
      const { detail } = await refusal(begun.begun, 'client-not-registered')
      assert.match(detail, /No OAuth app is registered for .*. Ask an administrator/)
    })
  }
})

test('a grant that is accepted at the moment of the removal is over, too', async () => {
  const { row } = await authorized(countersign)
  const { id } = await connectionAt(row.runtime_id)
  const { person } = await countersign.person('bob')
  const form = await admin.api.getClientForm({ query: { provider_id: row.provider_id } })
  const { removed, late } = await database.db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ id: string }>`
      insert into connections (id, owner_id, provider_id, box, fingerprint, status, method,
        client_row_id, account_id, account_login, account_name, scopes, missing_scopes)
      select gen_random_uuid(), ${person.id}, provider_id, box, fingerprint, status, method,
        client_row_id, account_id, account_login, account_name, scopes, missing_scopes
      from connections where id = ${id} returning id`.execute(trx)
    const removed = admin.api.deleteClient({ params: { id: form.client?.id ?? '' } })
    await untilWaiting()
    return { removed, late: rows[0]?.id ?? '' }
  })
  await removed
  const { status } = await database.db
    .selectFrom('connections')
    .select('status')
    .where('id', '=', late)
    .executeTakeFirstOrThrow()
  assert.equal(status, 'reauthorization_required')
})

/** Resolves when something waits for a lock of ours. */
async function untilWaiting(): Promise<void> {
  await until('something that waits for us', async () => {
    const { rows } = await sql`select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(database.db)
    return rows.length > 0
  })
}
