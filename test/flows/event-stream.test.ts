import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { sql } from 'kysely'
import { EVENTS_PATH } from '../../src/contract/index.ts'
import { CHANGES_CHANNEL } from '../../src/events/change.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import type { PersonClient } from '../harness/person.ts'
import { until } from '../harness/until.ts'

const STREAMS = 6

test('a page that goes while it is being recognized leaves nothing behind', async () => {
  const before = active('Timeout')
  await leaveTooEarly()
  assert.ok(active('Timeout') < before + STREAMS, 'something still runs for pages that are gone')
})

test('a stream ends with its session, its role or its person', async () => {
  await using countersign = await startCountersign()
  const { admin } = countersign
  const names = ['demoted', 'signed-out', 'removed', 'stays']
  const [demoted, signedOut, removed, stays] = await Promise.all(names.map(countersign.person))
  assert.ok(demoted && signedOut && removed && stays)
  const ofDemoted = { id: demoted.person.id }
  await admin.api.updatePerson({ params: ofDemoted, body: { role: 'admin' } })
  await using streams = new AsyncDisposableStack()
  const openOne = async (person: PersonClient) => streams.use(await person.events())
  const over = await Promise.all([demoted, signedOut, removed].map(openOne))
  const open = await openOne(stays)

  await admin.api.updatePerson({ params: ofDemoted, body: { role: 'member' } })
  await signedOut.api.endSessions({})
  await admin.api.deletePerson({ params: { id: removed.person.id } })
  for (const stream of over) await stream.ended()
  let looks = 0
  await open.until(async () => {
    looks += 1
    return looks > 1 ? looks : undefined
  })
})

test('what anybody else puts on the channel of changes is passed over', async () => {
  await using countersign = await startCountersign()
  const { admin, database, provider } = countersign
  await using stream = await admin.events()
  for (const payload of ['', 'hello', 'null', '{"id":7}']) {
    await sql`select pg_notify(${CHANGES_CHANNEL}, ${payload})`.execute(database.db)
  }
  await admin.api.createRuntime({ body: { name: 'later', provider_ids: [provider.id] } })
  await stream.until(async () => stream.seen.includes('runtimes') || undefined)
})

test('a sign of life of an agent is heard by administrators, and by nobody else', async () => {
  await using countersign = await startCountersign()
  const { admin, provider } = countersign
  const member = await countersign.person('member')
  await using streams = new AsyncDisposableStack()
  const open = async (person: PersonClient) => streams.use(await person.events())
  const [heardByAdmin, heardByMember] = await Promise.all([admin, member].map(open))
  assert.ok(heardByAdmin && heardByMember)
  const { key } = await countersign.runtime()
  for (const stream of [heardByAdmin, heardByMember]) {
    await stream.until(async () => stream.seen.includes('runtimes') || undefined)
    // What was done before the streams were opened may have come, too.
    stream.seen.length = 0
  }

  await runtimeClient(countersign.vault_url, key).getRuntimeView({ query: { agent: '1.2.3' } })
  await admin.api.createRuntime({ body: { name: 'later', provider_ids: [provider.id] } })
  for (const stream of [heardByAdmin, heardByMember]) {
    await stream.until(async () => stream.seen.includes('runtimes') || undefined)
  }
  assert.deepEqual(heardByAdmin.seen, ['agents', 'runtimes'])
  assert.deepEqual(heardByMember.seen, ['runtimes'])
})

test('what happens to people is heard by themselves and administrators, and by nobody else', async () => {
  await using countersign = await startCountersign()
  const { admin, provider } = countersign
  const [ana, bob] = await Promise.all(['ana', 'bob'].map(countersign.person))
  assert.ok(ana && bob)
  await using streams = new AsyncDisposableStack()
  const open = async (person: PersonClient) => streams.use(await person.events())
  const all = await Promise.all([admin, ana, bob].map(open))
  /** What each has heard since, up to now. */
  async function heard(name: string): Promise<string[][]> {
    await admin.api.createRuntime({ body: { name, provider_ids: [provider.id] } })
    return await Promise.all(
      all.map((stream) =>
        stream.until(async () => {
          const end = stream.seen.indexOf('runtimes')
          return end < 0 ? undefined : stream.seen.splice(0, end + 1).slice(0, end)
        }),
      ),
    )
  }
  await heard('before')

  await ana.api.updateAccount({ body: { name: 'Ana' } })
  assert.deepEqual(await heard('named'), [['people'], ['people'], []])
  const params = { id: bob.person.id }
  await admin.api.updatePerson({ params, body: { role: 'member' } })
  assert.deepEqual(await heard('changed'), [['people'], [], ['people']])
  const { invite } = await admin.api.createInvite({ body: { role: 'member' } })
  await admin.api.deleteInvite({ params: { id: invite.id } })
  assert.deepEqual(await heard('invited'), [['people', 'people'], [], []])
  await countersign.person('carol')
  assert.deepEqual(await heard('joined'), [['people', 'people'], [], []])
  await admin.api.deletePerson({ params })
  assert.deepEqual(await heard('removed'), [['people'], [], ['people']])
})

test('one person has 64 of them at most, and others are not held up', async () => {
  await using countersign = await startCountersign()
  const { admin, page_url } = countersign
  const other = await countersign.person('other')
  await using streams = new AsyncDisposableStack()
  const opened = await Promise.all(Array.from({ length: 64 }, () => admin.events()))
  for (const stream of opened.slice(1)) streams.use(stream)

  const refused = await fetch(page_url + EVENTS_PATH, { headers: { cookie: admin.cookie } })
  assert.equal(refused.status, 429)
  assert.equal(refused.headers.get('retry-after'), '15')
  assert.match(((await refused.json()) as { detail: string }).detail, /^You have 64 pages open/)
  streams.use(await other.events())
  await opened[0]?.[Symbol.asyncDispose]()
  const again = await until('room for another one', () => admin.events().catch(() => undefined))
  streams.use(again)
})

test('what a page does not read is not kept for it without end', async () => {
  await using countersign = await startCountersign()
  const { admin, database, page_url } = countersign
  const [idle, reader] = [1, 2].map(() => askForEvents(page_url, admin.cookie))
  assert.ok(idle && reader)
  await Promise.all([idle, reader].map((page) => once(page, 'readable')))
  let heard = 0
  reader.on('data', ({ length }: Buffer) => {
    heard += length
  })
  // In all more than the system holds for a connection, little by little for who reads.
  const [rounds, many, size] = [60, 100, 7000]
  for (let round = 1; round <= rounds; round += 1) {
    await sql`select pg_notify('countersign_changes', json_build_object(
        'name', 'runtimes', 'owner_id', null, 'id', n || repeat('x', ${size}::int))::text)
      from generate_series(1, ${many}::int) n`.execute(database.db)
    await until('all for who reads', async () => heard > round * many * size)
  }
  let kept = 0
  idle.on('data', ({ length }: Buffer) => {
    kept += length
  })
  await until('its end, or all', async () => idle.readableEnded || kept > heard * 0.99)
  assert.ok(kept < heard * 0.99, 'all of it was kept')
  idle.destroy()
  reader.destroy()
})

async function leaveTooEarly(): Promise<void> {
  await using countersign = await startCountersign()
  const { database, admin, page_url } = countersign
  await database.db.transaction().execute(async (trx) => {
    await sql`lock table sessions in access exclusive mode`.execute(trx)
    const sockets = active('TCPSocketWrap')
    const pages = Array.from({ length: STREAMS }, () => askForEvents(page_url, admin.cookie))
    await until('all of them to wait', async () => (await waiting(countersign)) === STREAMS)
    for (const page of pages) page.destroy()
    await Promise.all(pages.map((page) => once(page, 'close')))
    await until('the end of their connections', async () => active('TCPSocketWrap') <= sockets)
  })
  for (let calls = 0; calls < STREAMS; calls += 1) await admin.api.getSession({})
}

function active(kind: string): number {
  return process.getActiveResourcesInfo().filter((name) => name === kind).length
}

function askForEvents(page_url: string, cookie: string): Socket {
  const { hostname, port } = new URL(page_url)
  const socket = connect(Number(port), hostname)
  socket.write(`GET ${EVENTS_PATH} HTTP/1.1\r\nhost: ${hostname}\r\ncookie: ${cookie}\r\n\r\n`)
  return socket
}

/** How many wait for the lock on sessions. */
async function waiting({ database }: Countersign): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_locks
    where not granted and relation = 'sessions'::regclass`.execute(database.db)
  return rows[0]?.count ?? 0
}
