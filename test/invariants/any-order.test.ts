import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { type AuthorizationRequest, ProblemError } from '../../src/contract/index.ts'
import { isDatabaseAway, isDeadlock } from '../../src/store/database.ts'
import { openKeyring } from '../../src/vault/keyring.ts'
import { openTokenSet } from '../../src/vault/token-set.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { startGitlabForge } from '../harness/device-forge.ts'
import { beginOAuth, comeBack } from '../harness/oauth.ts'
import type { PersonClient } from '../harness/person.ts'
import { until } from '../harness/until.ts'

const STEPS = 160
const AT_ONCE = 8
const PEOPLE = ['ada', 'bea', 'cleo', 'dora']
const LOGINS = ['carol', 'dave']

/** What somebody does next, and what breaks just before. */
const step = fc.record({
  act: fc.oneof(
    { weight: 5, arbitrary: fc.constant('authorize' as const) },
    { weight: 5, arbitrary: fc.constant('ask' as const) },
    { weight: 3, arbitrary: fc.constantFrom('delete' as const, 'reuse' as const) },
    { weight: 1, arbitrary: fc.constantFrom('give up' as const, 'remove' as const) },
  ),
  person: fc.nat(PEOPLE.length - 1),
  runtime: fc.nat(2),
  server: fc.nat(1),
  login: fc.constantFrom(...LOGINS),
  breaks: fc.oneof(
    { weight: 2, arbitrary: fc.constant('database' as const) },
    { weight: 3, arbitrary: fc.constantFrom('token' as const, 'revoke' as const, 'api' as const) },
    { weight: 3, arbitrary: fc.constant('none' as const) },
  ),
  status: fc.constantFrom(500, 503),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

const PATHS = { token: '/oauth/token', revoke: '/oauth/revoke', api: '/api/v4/' } as const

/**
 * People do what they may in any order, many at once, at two servers and two vaults, while the Git
 * host fails and connections to the database break. Whatever became of each call: in the end the
 * host honours no token that is not in custody, and what is in custody works.
 */
const seed = Number(process.env.TEST_SEED ?? randomInt(2 ** 31))

test(`no grant is lost or left behind, whatever is done in any order (TEST_SEED=${seed})`, async () => {
  await using countersign = await startCountersign({ servers: 2, vaults: 2 })
  const { admin, database, vault_urls } = countersign
  const { db } = database
  await using lab = await startGitlabForge(countersign)
  const { forge, provider } = lab
  const people = await Promise.all(PEOPLE.slice(1).map(countersign.person))
  people.unshift(admin)
  const runtimes = [
    { id: lab.runtime.id, key: lab.key },
    await makeRuntime(0),
    await makeRuntime(1),
  ]
  const failing: { path: string; status: number; times: number }[] = []
  forge.interruptionFor = (path) => {
    const failure = failing.find((one) => one.times > 0 && path.startsWith(one.path))
    if (failure === undefined) return undefined
    failure.times -= 1
    return { status: failure.status }
  }

  async function makeRuntime(count: number) {
    const body = { name: `runtime-${count}`, provider_ids: [provider.id] }
    const { runtime, key } = await admin.api.createRuntime({ body })
    const params = { runtime_id: runtime.id, provider_id: provider.id }
    await admin.api.updateRuntimeProvider({ params, body: { auth_mode: 'default_client' } })
    return { id: runtime.id, key }
  }

  async function take(
    { act, person: who, runtime: where, server, login, ...more }: Step,
    count: number,
  ) {
    const person = people[who] ?? admin
    const runtime = runtimes[where] ?? assert.fail()
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    await breakSomething(more)
    switch (act) {
      case 'authorize':
      case 'give up':
        return await authorize(person, row, login, act === 'give up')
      case 'ask':
        await endAccess()
        return await ask(runtime.key, person, server)
      case 'delete': {
        const id = (await person.api.getAccess({ params: row })).authorization?.id
        return id && (await person.api.deleteAuthorization({ params: { id } }))
      }
      case 'reuse': {
        const { items } = await person.api.listAccess({})
        const connection_id = items.find((one) => one.authorization)?.authorization?.connection.id
        return (
          connection_id &&
          (await person.api.createAuthorization({ body: { ...row, connection_id } }))
        )
      }
      case 'remove':
        runtimes[where] = await makeRuntime(count)
        await admin.api.deleteRuntime({ params: { id: runtime.id } })
    }
  }

  async function breakSomething({ breaks, status }: Pick<Step, 'breaks' | 'status'>) {
    if (breaks === 'database') {
      await sql`select pg_terminate_backend(pid) from (select pid from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
        order by random() limit 1) as one`.execute(db)
    } else if (breaks !== 'none') {
      failing.push({ path: PATHS[breaks], status, times: 2 })
    }
  }

  /** Makes each access token be over, as far as we know, that nobody is refreshing now. */
  async function endAccess(): Promise<void> {
    await sql`update connections set access_expires_at = now(),
      refresh_due_at = now(), refresh_failed_at = null, refresh_failure = null
      where method = 'oauth' and refresh_claimed_at is null`.execute(db)
  }

  async function ask(key: string, { person }: PersonClient, vault: number) {
    const { host } = new URL(forge.url)
    const body = { person: person.email, protocol: 'http', host } as const
    return await runtimeClient(vault_urls[vault] ?? '', key).issueCredential({ body })
  }

  async function authorize(
    person: PersonClient,
    row: { runtime_id: string; provider_id: string },
    login: string,
    givesUp: boolean,
  ): Promise<void> {
    const { request, authorization_url } = await beginOAuth(person, row)
    const params = { id: request.id }
    forge.oauth.signIn(login)
    const sent = await fetch(authorization_url, { redirect: 'manual' })
    const callback = sent.headers.get('location') ?? ''
    // Where the database broke, the page says to load it again.
    const returned = until('a return', () => comeBack(callback, person.cookie).catch(() => false))
    await Promise.all([returned, givesUp && person.api.cancelAuthorizationRequest({ params })])
    const done = await ended(person, request.id)
    if (done?.status !== 'account_changed') return
    await person.api.confirmAuthorizationRequest({ params })
    await ended(person, request.id)
  }

  /** The request once it is not under way any more; undefined when it is gone. */
  async function ended(person: PersonClient, id: string) {
    const { request } = await until('the end of an authorization', async () => {
      await hurry()
      const request = await person.api
        .getAuthorizationRequest({ params: { id } })
        .catch((error: unknown) => refusalIn(error))
      if (request === 'not-found') return { request: undefined }
      return typeof request === 'object' && !isUnderWay(request) && { request }
    })
    return request
  }

  /** Has done now what is to be done again later, and not given up for that. */
  async function hurry(): Promise<void> {
    await sql`update graphile_worker._private_jobs set run_at = now(), attempts = 1
      where run_at > now() and locked_at is null`
      .execute(db)
      .catch(refusalIn)
  }

  const plan = fc.sample(step, { seed, numRuns: STEPS }).entries()
  const steps = async () => {
    for (const [count, next] of plan) await take(next, count + 10).catch(refusalIn)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, steps))

  const keyring = await openKeyring(db, countersign.vault_key)
  const inCustody = async () => {
    const rows = await db
      .selectFrom('connections')
      .select(['id', 'owner_id', 'provider_id', 'box'])
      .execute()
    return await Promise.all(rows.map((row) => openTokenSet(keyring, row)))
  }
  failing.length = 0
  await until('an end of all that is under way', async () => {
    await hurry()
    const left = await db
      .selectFrom('authorization_requests')
      .select(['id', 'owner_id', 'status'])
      .where('status', 'in', ['exchanging', 'account_changed'])
      .execute()
    for (const { id, owner_id, status } of left) {
      const person = people.find((one) => one.person.id === owner_id)
      // Where a yes to another account did not come through.
      if (status === 'account_changed') {
        await person?.api.cancelAuthorizationRequest({ params: { id } })
      }
    }
    return left.length === 0
  })
  await until('the same tokens here and at the host', async () => {
    await hurry()
    const held = new Set((await inCustody()).map(({ access_token }) => access_token))
    return forge.oauth.given.every(
      ({ access_token }) => held.has(access_token) === (forge.working(access_token) !== undefined),
    )
  })
  for (const { id, key } of runtimes) {
    for (const person of people) {
      const params = { runtime_id: id, provider_id: provider.id }
      const { authorization } = await person.api.getAccess({ params })
      if (authorization === null) {
        assert.equal(await ask(key, person, 0).catch(refusalIn), 'authorization-missing')
        continue
      }
      const { password } = await until('a credential', async () => {
        const given = await ask(key, person, 0).catch(refusalIn)
        // A refresh that failed a moment ago is not tried again in that moment.
        if (typeof given === 'string') assert.match(given, /-unavailable$/)
        return typeof given === 'object' && given
      })
      assert.ok(forge.working(password))
    }
  }
})

function isUnderWay({ status }: AuthorizationRequest): boolean {
  return status === 'pending' || status === 'exchanging'
}

/** Any call may be refused, and none may fail; nor do our own, but where the database breaks. */
function refusalIn(error: unknown): string {
  if (isDatabaseAway(error) || isDeadlock(error)) return 'database-unavailable'
  assert.ok(error instanceof ProblemError && error.type !== 'internal-error', String(error))
  return error.type
}
