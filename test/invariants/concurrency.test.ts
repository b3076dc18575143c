import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { suite, test } from 'node:test'
import { sql } from 'kysely'
import { placeConnection, takeTurns } from '../../src/authorizations/place-connection.ts'
import { type Client, createClient, ProblemError } from '../../src/contract/index.ts'
import { generateVaultKey } from '../../src/seal/keys.ts'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import { openKeyring } from '../../src/vault/keyring.ts'
import { WrongVaultKeyError } from '../../src/vault/wrong-vault-key-error.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import type { PersonClient } from '../harness/person.ts'
import { testDatabase } from '../harness/postgres.ts'
import { until } from '../harness/until.ts'

const ROUNDS = 6

suite('two servers and two vaults at once', () => {
  test('two tokens handed in for one row end in one authorization', async () => {
    await using countersign = await startCountersign({ servers: 2, vaults: 2 })
    const { admin, database, forge, vault_urls } = countersign
    for (let round = 0; round < ROUNDS; round += 1) {
      const { runtime, key } = await countersign.runtime()
      const tokens = [await forge.token(), await forge.token()]
      const statuses = await handIn(countersign, [runtime.id, runtime.id], tokens)
      assert.deepEqual(statuses, ['accepted', 'accepted'])
      const owner_id = admin.person.id
      const authorizations = await database.db
        .selectFrom('authorizations')
        .innerJoin('connections', 'connections.id', 'connection_id')
        .select('version')
        .where('authorizations.owner_id', '=', owner_id)
        .where('authorizations.runtime_id', '=', runtime.id)
        .execute()
      assert.deepEqual(authorizations, [{ version: 2 }])
      assert.equal(await countOf(database, 'connections'), round + 1)
      const host = new URL(forge.url).host
      const body = { person: admin.person.email, protocol: 'http', host } as const
      const [first, second] = await Promise.all(
        vault_urls.map((url) => runtimeClient(url, key).issueCredential({ body })),
      )
      assert.ok(tokens.includes(first?.password ?? ''))
      assert.equal(first?.password, second?.password)
    }
  })

  test('one token handed in for two runtimes is kept once', async () => {
    await using countersign = await startCountersign({ servers: 2, vaults: 2 })
    const { database, forge } = countersign
    for (let round = 1; round <= ROUNDS; round += 1) {
      const [one, other] = [await countersign.runtime(), await countersign.runtime()]
      const token = await forge.token()
      const runtimes = [one.runtime.id, other.runtime.id]
      const statuses = await handIn(countersign, runtimes, [token, token])
      assert.deepEqual(statuses, ['accepted', 'accepted'])
      assert.equal(await countOf(database, 'connections'), round)
      assert.equal(await countOf(database, 'authorizations'), 2 * round)
    }
  })

  test('of a token there is and a new one for the same row, the one that loses is not kept', async () => {
    await using countersign = await startCountersign()
    const { admin, database, forge, provider } = countersign
    const { db } = database
    const provider_id = provider.id
    const owner_id = admin.person.id
    const [one, other] = [await countersign.runtime(), await countersign.runtime()]
    await admin.addToken({ runtime_id: one.runtime.id, provider_id }, await forge.token())
    const found = await db.selectFrom('connections').selectAll().executeTakeFirstOrThrow()
    const { person_id: _, runtime_id: __, ...there } = found
    const row = { runtime_id: other.runtime.id, provider_id }
    let reused: Promise<unknown> | undefined
    // A vault puts a new token in place.
    await db.transaction().execute(async (trx) => {
      await takeTurns(trx, { owner_id, provider_id })
      await placeConnection(trx, row, { ...there, id: randomUUID() })
      reused = admin.api.createAuthorization({ body: { ...row, connection_id: there.id } })
      await until('somebody who uses the one there is', async () => {
        const { rows } = await sql`select from pg_stat_activity
          where wait_event_type = 'Lock' and datname = current_database()`.execute(db)
        return rows.length > 0
      })
    })
    await reused
    const left = await db.selectFrom('connections').select('id').execute()
    assert.deepEqual(left, [{ id: there.id }])
  })

  test('of two deletions one finds nothing to delete', async () => {
    await using countersign = await startCountersign({ servers: 2 })
    const { admin, provider, forge, database } = countersign
    for (let round = 0; round < ROUNDS; round += 1) {
      const { runtime } = await countersign.runtime()
      const row = { runtime_id: runtime.id, provider_id: provider.id }
      await admin.addToken(row, await forge.token())
      const { authorization } = await admin.access(runtime.id)
      const params = { id: authorization?.id ?? '' }
      assert.deepEqual(await outcomes(countersign, (api) => api.deleteAuthorization({ params })), [
        'done',
        'not-found',
      ])
      assert.equal(await countOf(database, 'connections'), 0)
      assert.deepEqual(
        await outcomes(countersign, (api) => api.deleteRuntime({ params: { id: runtime.id } })),
        ['done', 'not-found'],
      )
      const { person } = await countersign.person(`guest-${round}`)
      assert.deepEqual(
        await outcomes(countersign, (api) => api.deletePerson({ params: { id: person.id } })),
        ['done', 'not-found'],
      )
    }
    const deletions = await database.db
      .selectFrom('audit')
      .select('action')
      .where('action', 'like', '%.delete')
      .execute()
    assert.equal(deletions.length, 3 * ROUNDS)
  })

  test('a token handed in while its runtime is removed leaves nothing behind', async () => {
    let logged: string[]
    {
      await using countersign = await startCountersign({ servers: 2, vaults: 2 })
      const { provider, forge, database } = countersign
      const [one, other] = clientsOf(countersign)
      for (let round = 0; round < ROUNDS; round += 1) {
        const { runtime } = await countersign.runtime()
        const row = { runtime_id: runtime.id, provider_id: provider.id }
        const token = await forge.token()
        const [handed, removed] = await Promise.allSettled([
          one?.createCandidate({ body: { id: randomUUID(), ...row, token } }),
          other?.deleteRuntime({ params: { id: runtime.id } }),
        ])
        assert.equal(removed.status, 'fulfilled')
        if (handed.status === 'rejected') {
          assert.equal((handed.reason as ProblemError).type, 'provider-not-on-runtime')
        }
        for (const table of ['candidates', 'connections', 'authorizations']) {
          assert.equal(await countOf(database, table), 0, table)
        }
      }
      logged = countersign.logged
    }
    // The vaults have finished what they had begun.
    assert.deepEqual(
      logged.filter((line) => /unexpected failure|a task did not succeed/.test(line)),
      [],
    )
  })

  test('changes that wait for each other are all made', async () => {
    await using countersign = await startCountersign({ servers: 2, vaults: 2 })
    const { admin, provider, forge } = countersign
    const [one, other] = [await countersign.runtime(), await countersign.runtime()]
    const rows = [one, other].map(({ runtime }) => ({
      runtime_id: runtime.id,
      provider_id: provider.id,
    }))
    for (const row of rows) await admin.addToken(row, await forge.token())
    for (let round = 0; round < ROUNDS; round += 1) {
      const accesses = await Promise.all(rows.map(({ runtime_id }) => admin.access(runtime_id)))
      const connections = accesses.map((access) => access.authorization?.connection.id ?? '')
      const swaps = rows.map((row, index) => {
        const api = clientsOf(countersign)[index]
        return api?.createAuthorization({
          body: { ...row, connection_id: connections[1 - index] ?? '' },
        })
      })
      for (const swap of await Promise.allSettled(swaps)) {
        if (swap.status === 'rejected') {
          assert.equal((swap.reason as ProblemError).type, 'not-found', String(swap.reason))
        }
      }
      const { authorization } = await admin.access(one.runtime.id)
      assert.equal(authorization?.connection.status, 'valid')
      const [, row] = rows
      if (row !== undefined) await admin.addToken(row, await forge.token())
    }
  })
})

suite('at the first start', () => {
  test('processes that migrate at once take turns', async () => {
    await using empty = await testDatabase()
    await using resources = new AsyncDisposableStack()
    const all = Array.from({ length: 4 }, () => resources.use(open(empty.url)))
    await Promise.all(all.map(migrate))
    await Promise.all(all.map(migrate))
    const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(
      all[0]?.db ?? assert.fail(),
    )
    assert.equal(new Set(rows.map(({ name }) => name)).size, rows.length)
  })

  test('of vaults with keys of their own, one key becomes the key of the data', async () => {
    await using empty = await testDatabase()
    await using resources = new AsyncDisposableStack()
    const all = Array.from({ length: 4 }, () => resources.use(open(empty.url)))
    await migrate(all[0] ?? assert.fail())
    const opening = await atOnce(all[0] ?? assert.fail(), all.length, () =>
      all.map(async ({ db }) => openKeyring(db, (await generateVaultKey()).private_key)),
    )
    const opened = await Promise.allSettled(opening)
    const refused = opened.filter((one) => one.status === 'rejected')
    assert.equal(refused.length, all.length - 1)
    for (const { reason } of refused) assert.ok(reason instanceof WrongVaultKeyError)
    assert.equal(await countOf(all[0] ?? assert.fail(), 'vault_keys'), 1)
  })
})

/** Hands two tokens in at once, each at a server of its own, and waits for both verdicts. */
async function handIn(
  { admin, provider, server_urls }: Countersign,
  runtime_ids: readonly string[],
  tokens: readonly string[],
): Promise<string[]> {
  await using events = await admin.events()
  const sent = await Promise.all(
    tokens.map((token, index) => {
      const api = clientAt(server_urls[index] ?? '', admin)
      const row = { runtime_id: runtime_ids[index] ?? '', provider_id: provider.id }
      return api.createCandidate({ body: { id: randomUUID(), ...row, token } })
    }),
  )
  return await events.until(async () => {
    const candidates = await Promise.all(
      sent.map(({ id }) => admin.api.getCandidate({ params: { id } })),
    )
    const statuses = candidates.map(({ status }) => status)
    return statuses.includes('checking') ? undefined : statuses
  })
}

/** The same call at both servers at once, as `done` or the type of its problem, in this order. */
async function outcomes(
  countersign: Countersign,
  call: (api: Client) => Promise<unknown>,
): Promise<string[]> {
  const settled = await Promise.allSettled(clientsOf(countersign).map(call))
  const words = settled.map((one) => {
    if (one.status === 'fulfilled') return 'done'
    return one.reason instanceof ProblemError ? one.reason.type : String(one.reason)
  })
  return words.sort()
}

function clientsOf({ server_urls, admin }: Countersign): Client[] {
  return server_urls.map((url) => clientAt(url, admin))
}

function clientAt(base_url: string, { cookie }: PersonClient): Client {
  return createClient({ base_url, headers: { cookie } })
}

async function countOf({ db }: Database, table: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from ${sql.table(table)}`.execute(db)
  return rows[0]?.count ?? -1
}

/** Begins what writes to `vault_keys` and holds it up there until all have come. */
async function atOnce<T>({ db }: Database, count: number, begin: () => T): Promise<T> {
  return await db.transaction().execute(async (trx) => {
    await sql`lock table vault_keys in exclusive mode`.execute(trx)
    const begun = begin()
    await until(`${count} that wait for our lock`, async () => {
      const { rows } = await sql`select from pg_locks where not granted
        and database = (select oid from pg_database where datname = current_database())
        and relation = 'vault_keys'::regclass`.execute(trx)
      return rows.length === count
    })
    return begun
  })
}

function open(url: string): Database {
  return openDatabase(url, { max: 4, onError: () => {} })
}
