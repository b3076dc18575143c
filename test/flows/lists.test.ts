import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import type { EndpointName, Result } from '../../src/contract/index.ts'
import { startCountersign } from '../harness/countersign.ts'
import { startForge } from '../harness/forge.ts'
import { registerApp } from '../harness/oauth.ts'

/*
 * Every list of the API, read a few rows at a time, gives what it gives at once: each row once, in
 * the same order, also where rows are alike in what sorts them.
 */

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, provider } = countersign
const { api } = admin

const others = [await startForge(), await startForge()]
after(() => Promise.all(others.map((other) => other[Symbol.asyncDispose]())))
const provider_ids = [provider.id]
for (const [index, { url }] of others.entries()) {
  const address = { base_url: url, private_address_confirmed: true }
  const body = {
    kind: 'gitea',
    name: `${index === 0 ? 'Another' : 'another'} ${index}`,
    ...address,
  } as const
  provider_ids.push((await api.createProvider({ body })).id)
}

const names = ['b', 'a-1', 'a.1', 'a_1', 'a10', 'a2', 'a02', 'c']
const ids: string[] = []
for (const name of names) {
  ids.push((await api.createRuntime({ body: { name, provider_ids } })).runtime.id)
}
const [first = '', second = '', third = '', fourth = ''] = ids
const rowOf = (runtime_id: string) => ({ runtime_id, provider_id: provider.id })

for (const id of [first, second, third, fourth]) {
  assert.equal((await admin.addToken(rowOf(id), await forge.token())).status, 'accepted')
}
const robot = await forge.token('bob')
for (const id of [first, third, fourth]) {
  assert.equal((await admin.addRuntimeToken(rowOf(id), robot)).status, 'accepted')
}
const app = { url: forge.url, token: await forge.token('alice', ['all']) }
const client = await registerApp(admin, app, { provider_id: provider.id })
for (const id of [first, second]) await registerApp(admin, app, rowOf(id))

const bob = await countersign.person('bob')
// Three people of one name.
for (const name of ['carol', 'dave']) {
  const person = await countersign.person(name)
  await person.api.updateAccount({ body: { name: 'bob' } })
}
const zed = await countersign.person('zed')
await zed.api.updateAccount({ body: { name: 'Zed' } })
for (let invited = 0; invited < 4; invited += 1) {
  await api.createInvite({ body: { role: 'member' } })
}

// Nothing changes any more while the lists are read, and many rows were made at one moment.
await countersign.stopVaults()
await sql`update invites set created_at = now()`.execute(database.db)
// Of a person, and of a runtime itself, two need somebody.
await sql`update connections set status = 'rejected' where id in (
  select connection_id from authorizations where runtime_id in (${third}, ${fourth}))`.execute(
  database.db,
)
await sql`update connections set status = 'rejected'
  where runtime_id in (${first}, ${fourth})`.execute(database.db)
for (const [owner_id, owner_kind] of [
  [admin.person.id, 'person'],
  [first, 'runtime'],
] as const) {
  await sql`insert into revocations (row_id, owner_id, owner_kind, provider_id, client_row_id,
      client_id, account_login, box, failed_at, failure)
    select gen_random_uuid(), ${owner_id}, ${owner_kind}, ${provider.id}, ${client.id},
      'an-app', 'account-' || number, 'a box', now(), 'It was away.'
    from generate_series(1, 4) as number`.execute(database.db)
}
await sql`insert into audit (actor_kind, actor_name, action, outcome, subject)
  select 'vault', 'vault', 'connection.status', 'allowed', 'at one moment, ' || number
  from generate_series(1, 4) as number`.execute(database.db)

interface Query {
  limit: number
  cursor?: string
  q?: string
  in_need?: boolean
}

type ListName = {
  [N in EndpointName]: Result<N> extends { next_cursor: unknown } ? N : never
}[EndpointName]

/** All there are: the contract knows which these are. */
const lists: { [N in ListName]: (query: Query) => Promise<Result<N>> } = {
  listAccess: (query) => api.listAccess({ query }),
  listRevocations: (query) => api.listRevocations({ query }),
  listRuntimeRevocations: (query) => api.listRuntimeRevocations({ params: { id: first }, query }),
  listRuntimeProviders: (query) => api.listRuntimeProviders({ params: { id: first }, query }),
  listRuntimeTokens: (query) => api.listRuntimeTokens({ params: { id: first }, query }),
  listProviders: (query) => api.listProviders({ query }),
  listClients: (query) => api.listClients({ query }),
  listRuntimes: (query) => api.listRuntimes({ query }),
  listPeople: (query) => api.listPeople({ query }),
  listInvites: (query) => api.listInvites({ query }),
  listAudit: (query) => api.listAudit({ query }),
}

type List = (query: Query) => Promise<{ items: unknown[]; next_cursor: string | null }>

/** What a list gives at once, once it is known to give the same in pages. */
async function walked(list: List): Promise<unknown[]> {
  const { items: all, next_cursor } = await list({ limit: 100 })
  assert.equal(next_cursor, null)
  for (const limit of [1, 2, 3, 4]) {
    const pages = await pagesOf(list, limit)
    assert.deepEqual(pages.flat(), all, `${limit} at a time`)
    assert.equal(pages.length, Math.max(1, Math.ceil(all.length / limit)), 'each page is full')
  }
  return all
}

async function pagesOf(list: List, limit: number): Promise<unknown[][]> {
  const pages: unknown[][] = []
  let cursor: string | null | undefined
  while (cursor !== null) {
    const page = await list({ limit, ...(cursor === undefined ? {} : { cursor }) })
    pages.push(page.items)
    assert.ok(pages.length <= 100, 'the pages do not end')
    cursor = page.next_cursor
  }
  return pages
}

suite('is the same in pages as at once', () => {
  for (const [name, list] of Object.entries(lists)) {
    test(name, async () => {
      const all = await walked(list)
      assert.ok(all.length >= 3, `only ${all.length}`)
    })
  }
})

test('names are in the order of letters, large or small', async () => {
  const people = await lists.listPeople({ limit: 100 })
  const byLetters = (names: string[]) => names.map((name) => name.toLowerCase()).toSorted()
  const named = people.items.map(({ name }) => name)
  assert.ok(named.includes('Zed') && named.includes('bob'))
  assert.deepEqual(
    named.map((name) => name.toLowerCase()),
    byLetters(named),
  )
  const hosts = (await lists.listProviders({ limit: 100 })).items.map(({ name }) => name)
  assert.deepEqual(hosts, ['Another 0', 'another 1', provider.name])
})

test('runtimes are in the order in which people count', async () => {
  const { items } = await lists.listRuntimes({ limit: 100 })
  assert.deepEqual(
    items.map(({ name }) => name),
    ['a-1', 'a.1', 'a02', 'a2', 'a10', 'a_1', 'b', 'c'],
  )
})

suite('what people can authorize', () => {
  /** Runtime and Git host of each row, and how it stands. */
  const rowsOf = async (list: typeof lists.listAccess) => {
    await walked(list)
    const { items } = await list({ limit: 100 })
    return items.map(({ runtime, provider: { name }, authorization }) =>
      [runtime.name, name, authorization?.connection.status ?? 'open'].join(' '),
    )
  }

  test('comes in three parts: what is in need, what works, what is open', async () => {
    const rows = await rowsOf(lists.listAccess)
    const parts = rows.map((row) => row.split(' ').at(-1))
    assert.deepEqual(
      parts.filter((part, index) => part !== parts[index - 1]),
      ['rejected', 'valid', 'open'],
    )
    assert.equal(rows.length, names.length * provider_ids.length)
    assert.equal(new Set(rows).size, rows.length)
  })

  test('is all open for who has authorized nothing', async () => {
    const rows = await rowsOf((query) => bob.api.listAccess({ query }))
    assert.equal(rows.length, names.length * provider_ids.length)
    assert.ok(rows.every((row) => row.endsWith(' open')))
  })

  test('is found by words in all parts', async () => {
    const rows = await rowsOf((query) => api.listAccess({ query: { ...query, q: 'Forge' } }))
    assert.deepEqual(rows, [
      'a.1 Forge rejected',
      'a_1 Forge rejected',
      'a-1 Forge valid',
      'b Forge valid',
      'a02 Forge open',
      'a2 Forge open',
      'a10 Forge open',
      'c Forge open',
    ])
  })

  test('may be only what is in need', async () => {
    const inNeed = (query: Query) => api.listAccess({ query: { ...query, in_need: true } })
    assert.deepEqual((await rowsOf(inNeed)).toSorted(), [
      'a.1 Forge rejected',
      'a_1 Forge rejected',
    ])
    assert.deepEqual(
      await rowsOf((query) => bob.api.listAccess({ query: { ...query, in_need: true } })),
      [],
    )
  })
})

test('of runtimes, only those in need are listed where that is wanted', async () => {
  const inNeed: typeof lists.listRuntimes = (query) =>
    api.listRuntimes({ query: { ...query, in_need: true } })
  await walked(inNeed)
  const { items } = await inNeed({ limit: 100 })
  assert.deepEqual(items.map(({ name }) => name).toSorted(), ['a_1', 'b'])
})
