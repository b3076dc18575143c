import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { suite, test } from 'node:test'
import { sql } from 'kysely'
import { sealBox } from '../../src/seal/box.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import { openEvents } from '../harness/events.ts'
import type { PersonClient } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'

/** Ada and Bob have each authorized the runtime; whoever tampers can write to every table. */
interface Scene extends Countersign {
  bob: PersonClient
  row: { runtime_id: string; provider_id: string }
  runtime_key: string
  /** Connection ids. */
  ada_id: string
  bob_id: string
}

suite('a box opens nowhere but where it was sealed for', () => {
  const moves: [what: string, tamper: (scene: Scene) => Promise<unknown>][] = [
    [
      'moved to the row of another person',
      ({ database, ada_id, bob_id }) =>
        sql`update connections set version = version + 1,
            box = (select box from connections where id = ${bob_id})
          where id = ${ada_id}`.execute(database.db),
    ],
    [
      'with its row, given to another person',
      async ({ database, admin, ada_id, bob_id }) => {
        await sql`update connections set owner_id = ${admin.person.id}
          where id = ${bob_id}`.execute(database.db)
        await sql`update authorizations set connection_id = ${bob_id}
          where connection_id = ${ada_id}`.execute(database.db)
      },
    ],
    [
      'copied to a row of the same person',
      async ({ database, admin, ada_id }) =>
        sql`update authorizations set connection_id = ${await copyOf(database, ada_id)}
          where owner_id = ${admin.person.id}`.execute(database.db),
    ],
    [
      'with its row, put at another Git host',
      async ({ database, provider }) => {
        const other = randomUUID()
        await sql`update providers set name = 'Old', origin = ''`.execute(database.db)
        await sql`insert into providers
          select ${other}, kind, 'Forge', base_url, rtrim(base_url, '/'), true
          from providers where id = ${provider.id}`.execute(database.db)
        await sql`insert into runtime_providers
          select runtime_id, ${other} from runtime_providers`.execute(database.db)
        await sql`update connections set provider_id = ${other}, version = version + 1`.execute(
          database.db,
        )
        await sql`update authorizations set provider_id = ${other}`.execute(database.db)
      },
    ],
    [
      'of a candidate, put where a token belongs',
      async ({ database, admin, row, ada_id, forge }) => {
        const { vault_key, owner_id } = await admin.api.getAccess({ params: row })
        const address = { owner_id, provider_id: row.provider_id, row_id: ada_id } as const
        const box = await sealBox(
          vault_key,
          { ...address, purpose: 'candidate' },
          await forge.token(),
        )
        await sql`update connections set box = ${box}, version = version + 1
          where id = ${ada_id}`.execute(database.db)
      },
    ],
    [
      'with one bit flipped',
      async ({ database, ada_id }) => {
        const { box } = await database.db
          .selectFrom('connections')
          .select('box')
          .where('id', '=', ada_id)
          .executeTakeFirstOrThrow()
        await sql`update connections set box = ${withFlippedBit(box)}, version = version + 1
          where id = ${ada_id}`.execute(database.db)
      },
    ],
    [
      'cut short',
      ({ database, ada_id }) =>
        sql`update connections set box = left(box, 100), version = version + 1
          where id = ${ada_id}`.execute(database.db),
    ],
  ]
  for (const [what, tamper] of moves) {
    test(what, async () => {
      await using scene = await setScene()
      const { admin, row, vault_url, runtime_key, forge, logged } = scene
      await tamper(scene)
      const vault = runtimeClient(vault_url, runtime_key)
      const host = new URL(forge.url).host
      const body = { person: admin.person.email, protocol: 'http', host } as const
      const problem = await refusal(vault.issueCredential({ body }), 'credential-unreadable')
      assert.match(problem.detail, /was damaged where it is stored\. Replace it at http/)
      assert.match(problem.extensions.page ?? '', new RegExp(`/tokens/${row.runtime_id}/`))
      const { items } = await admin.api.listAudit({ query: { limit: 1 } })
      const [entry] = items
      assert.deepEqual(
        [entry?.action, entry?.outcome, entry?.reason],
        ['credential.issue', 'denied', 'credential-unreadable'],
      )
      assert.ok(logged.some((line) => line.includes('credential-unreadable')))
      await vault.reportCredential({ body })
      await fetch(`${vault_url}/readyz`).then(({ status }) => assert.equal(status, 200))
    })
  }

  test('of a token, put where a candidate belongs', async () => {
    await using scene = await setScene()
    const { database, admin, ada_id, row, provider } = scene
    const id = randomUUID()
    await using events = await openEvents(scene.page_url, admin.cookie)
    await sql`insert into candidates (id, owner_id, runtime_id, provider_id, box, notes)
      select ${id}, owner_id, ${row.runtime_id}, ${provider.id}, box, '{}' from connections
      where id = ${ada_id}`.execute(database.db)
    await sql`select graphile_worker.add_job('check-candidate',
      ${JSON.stringify({ id })}::json)`.execute(database.db)
    const candidate = await events.until(async () => {
      const found = await admin.api.getCandidate({ params: { id } })
      return found.status === 'checking' ? undefined : found
    })
    assert.equal(candidate.status, 'refused')
    assert.match(candidate.problem?.type ?? '', /box-not-authentic$/)
  })

  const swaps: [
    what: string,
    asked: 'person' | 'runtime',
    tamper: (scene: Scene & { own_id: string }) => Promise<unknown>,
  ][] = [
    [
      "of a runtime's own token, put in a person's row",
      'person',
      ({ database, ada_id, own_id }) =>
        sql`update connections set version = version + 1,
          box = (select box from connections where id = ${own_id}) where id = ${ada_id}`.execute(
          database.db,
        ),
    ],
    [
      "of a person, put in the row of a runtime's own token",
      'runtime',
      ({ database, ada_id, own_id }) =>
        sql`update connections set version = version + 1,
          box = (select box from connections where id = ${ada_id}) where id = ${own_id}`.execute(
          database.db,
        ),
    ],
    [
      'of a person, made the own token of a runtime with its row',
      'runtime',
      async ({ database, ada_id, own_id, row }) => {
        await sql`delete from connections where id = ${own_id}`.execute(database.db)
        await sql`update connections set owner_kind = 'runtime', owner_id = ${row.runtime_id},
          version = version + 1 where id = ${ada_id}`.execute(database.db)
      },
    ],
    [
      "of a runtime's own token, given to a person with its row",
      'person',
      async ({ database, own_id, admin }) => {
        await sql`update connections set owner_kind = 'person', owner_id = ${admin.person.id},
          version = version + 1 where id = ${own_id}`.execute(database.db)
        await sql`update authorizations set connection_id = ${own_id}
          where owner_id = ${admin.person.id}`.execute(database.db)
      },
    ],
  ]
  for (const [what, asked, tamper] of swaps) {
    test(what, async () => {
      await using scene = await setScene()
      const { admin, row, vault_url, runtime_key, forge } = scene
      await admin.addRuntimeToken(row, await forge.token('bob', ['all']))
      const own = await admin.api.getRuntimeToken({ params: row })
      const vault = runtimeClient(vault_url, runtime_key)
      const host = new URL(forge.url).host
      const target = { protocol: 'http', host } as const
      const issue = () =>
        vault.issueCredential({
          body:
            asked === 'person'
              ? { person: admin.person.email, ...target }
              : { as_runtime: true, ...target },
        })
      await issue()
      await tamper({ ...scene, own_id: own.connection?.id ?? '' })
      await refusal(issue(), 'credential-unreadable')
    })
  }

  test("of a person's candidate, made one for the runtime", async () => {
    await using scene = await setScene()
    const { database, admin, row, provider, forge } = scene
    const id = randomUUID()
    const { vault_key, owner_id } = await admin.api.getAccess({ params: row })
    const address = {
      purpose: 'candidate',
      row_id: id,
      owner_id,
      provider_id: provider.id,
    } as const
    const box = await sealBox(vault_key, address, await forge.token())
    await using events = await openEvents(scene.page_url, admin.cookie)
    await admin.api.createRuntimeCandidate({ body: { id, ...row, box } })
    const candidate = await events.until(async () => {
      const found = await admin.api.getCandidate({ params: { id } })
      return found.status === 'checking' ? undefined : found
    })
    assert.match(candidate.problem?.type ?? '', /box-not-authentic$/)
    const own = await database.db
      .selectFrom('connections')
      .select('id')
      .where('owner_kind', '=', 'runtime')
      .execute()
    assert.deepEqual(own, [])
  })

  test('a check says so, blames nobody, and a new token mends it', async () => {
    await using scene = await setScene()
    const { database, admin, ada_id, bob_id, row, forge } = scene
    await sql`update connections set box = (select box from connections where id = ${bob_id})
      where id = ${ada_id}`.execute(database.db)
    await forge.control('DELETE', '/control/calls')
    const checked = await admin.checkNow(row.runtime_id)
    assert.equal(checked.status, 'valid')
    assert.equal(
      checked.check_failed?.reason,
      'The token was damaged where it is stored. Replace it.',
    )
    assert.equal(await forge.calls('/api/v1/user'), 0)

    const token = await forge.token()
    assert.equal((await admin.addToken(row, token)).status, 'accepted')
    const { authorization } = await admin.access(row.runtime_id)
    assert.equal(authorization?.connection.check_failed, null)
    const vault = runtimeClient(scene.vault_url, scene.runtime_key)
    const host = new URL(forge.url).host
    const body = { person: admin.person.email, protocol: 'http', host } as const
    assert.equal((await vault.issueCredential({ body })).password, token)
  })
})

/** A connection that is the same in all but its id. */
async function copyOf({ db }: Countersign['database'], id: string): Promise<string> {
  const copy = randomUUID()
  const row = await db
    .selectFrom('connections')
    .select(['owner_id', 'provider_id', 'box', 'fingerprint', 'version', 'status'])
    .select(['account_id', 'account_login', 'account_name', 'scopes', 'missing_scopes'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  await db
    .insertInto('connections')
    .values({ ...row, id: copy })
    .execute()
  return copy
}

function withFlippedBit(box: string): string {
  const parts = box.split('.')
  const bytes = Buffer.from(parts.pop() ?? '', 'base64url')
  bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
  return [...parts, bytes.toString('base64url')].join('.')
}

async function setScene(): Promise<Scene> {
  await using resources = new AsyncDisposableStack()
  const countersign = resources.use(await startCountersign())
  const { admin, provider, forge } = countersign
  const bob = await countersign.person('bob')
  const { runtime, key } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  await admin.addToken(row, await forge.token())
  await bob.addToken(row, await forge.token('bob'))
  const connectionId = async (person: PersonClient) =>
    (await person.access(runtime.id)).authorization?.connection.id ?? ''
  const [ada_id, bob_id] = await Promise.all([connectionId(admin), connectionId(bob)])
  const kept = resources.move()
  return {
    ...countersign,
    bob,
    row,
    runtime_key: key,
    ada_id,
    bob_id,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
