import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { sql } from 'kysely'
import type { AuthorizationRequest, ProviderKind } from '../../src/contract/index.ts'
import { callsPerSecond, limitOf } from '../../src/vault/provider-pace.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import {
  beginWithCode,
  type DeviceForge,
  outcomeOf,
  startDeviceForge,
  startGitlabForge,
} from '../harness/device-forge.ts'
import { wakeScheduler } from '../harness/granted.ts'
import type { PersonClient } from '../harness/person.ts'
import { until } from '../harness/until.ts'

/** Many codes are open at a host that allows us one call in two seconds. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, vault_url } = countersign
const octo = await startDeviceForge(countersign)
after(() => octo[Symbol.asyncDispose]())
const { forge, row } = octo

const CODES = 8
const [grace, hedy] = [await countersign.person('grace'), await countersign.person('hedy')]
for (const person of [grace, hedy]) await authorize(person, octo)
const open: AuthorizationRequest[] = []
for (let made = 0; made < CODES; made += 1) {
  const { id } = await octo.anotherRuntime(`busy-${made}`)
  open.push(await beginWithCode(admin, { ...row, runtime_id: id }))
}

/** What the host was asked at its token endpoint, oldest first. */
const asked: ('poll' | 'refresh')[] = []
forge.holdBack = (path, { body }) => {
  if (path !== '/login/oauth/access_token') return undefined
  asked.push(Object.hasOwn(body as object, 'refresh_token') ? 'refresh' : 'poll')
  return undefined
}

beforeEach(async () => {
  await quiet()
  asked.length = 0
})

test('what is due is refreshed although more is polled than the host allows', async () => {
  await drainPace(octo, 'github', 0.5)
  await pollNow()
  await until('the first question', async () => asked.includes('poll'))
  await makeDue(octo, grace)
  await until('it in line', async () => asked.includes('refresh') || (await claimed()) === 1)
  const before = asked.length
  await until('a refresh', async () => asked.includes('refresh'))
  assert.ok(asked.indexOf('refresh') - before <= 2, asked.join())
  assert.ok(asked.indexOf('refresh') < CODES, 'most of the codes still wait')
})

test('who asks for a credential goes before all polls', async () => {
  await drainPace(octo, 'github', 1)
  await pollNow()
  await endAccess(grace, octo)
  await ask(grace)
  assert.deepEqual(asked, ['refresh'])
})

test('who asks for what waits in line already goes to its head', async () => {
  await using lab = await startGitlabForge(countersign)
  for (const person of [grace, hedy]) await authorize(person, lab)
  await drainPace(lab, 'gitlab', 1.7)
  await endAccess(hedy, lab)
  await makeDue(lab, grace, hedy)
  await until('both in line', async () => (await claimed()) === 2)
  await ask(hedy, lab)
  const { owner_id } = await database.db
    .selectFrom('audit')
    .innerJoin('connections', 'connections.id', 'audit.connection_id')
    .select('audit.owner_id')
    .where('action', '=', 'connection.refresh')
    .where('provider_id', '=', lab.row.provider_id)
    .orderBy('audit.id')
    .executeTakeFirstOrThrow()
  assert.equal(owner_id, hedy.person.id)
})

test('the more codes are open, the more seldom each is asked about', async () => {
  await drainPace(octo, 'github', 0)
  await pollNow()
  await until('a question about each', async () => asked.length >= CODES)
  const ids = open.map(({ id }) => id)
  const soonest = await until('the next of them', async () => {
    const { rows } = await sql<{ seconds: number }>`
      select extract(epoch from min(next_poll_at) - now())::float8 as seconds
      from authorization_requests where id = any(${ids}::uuid[])`.execute(database.db)
    const seconds = rows[0]?.seconds ?? 0
    return seconds > 0 ? seconds : undefined
  })
  assert.ok(soonest > (CODES - 1) / callsPerSecond(limitOf('github')), `${soonest} s`)
})

/** Nothing is due any more, and nothing in line; nor does a turn come free for what was. */
async function quiet(): Promise<void> {
  await drainPace(octo, 'github', 1)
  await sql`update authorization_requests set next_poll_at = now() + interval '10 minutes'
    where next_poll_at is not null`.execute(database.db)
  await sql`update connections set refresh_due_at = null`.execute(database.db)
  await until('nothing under way', async () => (await claimed()) === 0)
}

/** How many refreshes are in line or under way. */
async function claimed(): Promise<number> {
  const { rows } = await sql`select from connections
    where refresh_claimed_at is not null`.execute(database.db)
  return rows.length
}

/** @param share of what may go at once there is used up; half of it is for the urgent alone */
async function drainPace({ row: { provider_id } }: DeviceForge, kind: ProviderKind, share: number) {
  const limit = limitOf(kind)
  const seconds = (share * limit.most) / 10 / callsPerSecond(limit)
  await sql`update provider_paces set free_at = now() + make_interval(secs => ${seconds})
    where provider_id = ${provider_id} and lane = 'tokens'`.execute(database.db)
}

async function authorize(person: PersonClient, at: DeviceForge): Promise<void> {
  const { id, device } = await beginWithCode(person, at.row)
  at.devices.approve(device?.user_code ?? '', 'carol')
  assert.equal((await outcomeOf(person, id)).status, 'completed')
}

/** Has all open codes asked about now; vaults hear of every change of a request. */
async function pollNow(): Promise<void> {
  await sql`update authorization_requests set next_poll_at = now()
    where next_poll_at is not null`.execute(database.db)
  const id = open[0]?.id ?? assert.fail('no code is open')
  const change = { name: 'authorization_request', owner_id: admin.person.id, id }
  await sql`select pg_notify('countersign_changes', ${JSON.stringify(change)})`.execute(database.db)
}

/** Has tokens refreshed ahead of time, those of the first person first. */
async function makeDue(at: DeviceForge, ...people: PersonClient[]): Promise<void> {
  for (const { person } of people) {
    await sql`update connections set refresh_due_at = now()
      where owner_id = ${person.id} and provider_id = ${at.row.provider_id}`.execute(database.db)
  }
  await wakeScheduler(countersign)
}

/** Makes the access token be over now, as far as we know, with nothing due in the background. */
async function endAccess({ person }: PersonClient, at: DeviceForge): Promise<void> {
  await sql`update connections set version = version + 1, access_expires_at = now(),
    refresh_due_at = null where owner_id = ${person.id}
    and provider_id = ${at.row.provider_id}`.execute(database.db)
}

async function ask({ person }: PersonClient, at: DeviceForge = octo): Promise<void> {
  const { host } = new URL(at.forge.url)
  const body = { person: person.email, protocol: 'http', host } as const
  await runtimeClient(vault_url, at.key).issueCredential({ body })
}
