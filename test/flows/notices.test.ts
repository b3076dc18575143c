import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { sql } from 'kysely'
import type { Connection, NoticeKind } from '../../src/contract/index.ts'
import { startVault } from '../../src/roles/vault.ts'
import { openDatabase } from '../../src/store/database.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { wakeScheduler } from '../harness/granted.ts'
import { swapToken } from '../harness/narrowed.ts'
import { authorizeWithOAuth, registerClient } from '../harness/oauth.ts'
import type { PersonClient } from '../harness/person.ts'
import { until } from '../harness/until.ts'
import { startVaultProcess } from '../harness/vault-process.ts'

const ALICE = { login: 'alice', password: 'alice-demo' }
const DAY_MS = 86_400_000

interface Row {
  runtime_id: string
  provider_id: string
}

async function newRow(countersign: Countersign): Promise<Row> {
  const { runtime } = await countersign.runtime()
  return { runtime_id: runtime.id, provider_id: countersign.provider.id }
}

/** Calls `probe` at each event of the person's stream until their row for the runtime fits. */
async function untilRow<T>(
  person: PersonClient,
  runtime_id: string,
  probe: (authorization: NonNullable<Awaited<ReturnType<typeof noticeAt>>>) => T | undefined,
  begin: () => Promise<unknown>,
): Promise<T> {
  await using events = await person.events()
  await begin()
  return await events.until(async () => {
    const authorization = await noticeAt(person, runtime_id)
    return authorization === null ? undefined : probe(authorization)
  })
}

async function noticeAt(person: PersonClient, runtime_id: string) {
  return (await person.access(runtime_id)).authorization
}

/** What is stored: each notice that is open, by kind, and all there ever were. */
async function stored({ database }: Countersign) {
  const rows = await database.db
    .selectFrom('notices')
    .select(['kind', 'ended_at'])
    .orderBy('created_at')
    .execute()
  return {
    open: rows.filter(({ ended_at }) => ended_at === null).map(({ kind }) => kind),
    ever: rows.map(({ kind }) => kind),
  }
}

async function auditedStatuses({ database }: Countersign): Promise<string[]> {
  const rows = await database.db
    .selectFrom('audit')
    .select('subject')
    .where('action', '=', 'connection.status')
    .orderBy('id')
    .execute()
  return rows.map(({ subject }) => subject)
}

const from = (ms: number) => new Date(Date.now() + ms).toISOString()

suite('what time brings about', () => {
  test('a token ends soon, and then has ended: open pages hear of both, each is said once', async () => {
    await using countersign = await startCountersign({ vaults: 2, servers: 2 })
    const { admin, forge } = countersign
    const row = await newRow(countersign)
    const expires_at = from(8 * DAY_MS)
    const warned = await untilRow(
      admin,
      row.runtime_id,
      ({ notice, connection }) =>
        notice?.kind === 'expiring' ? { notice, connection } : undefined,
      async () => {
        await admin.addToken(row, await forge.token(), { expires_at })
        const before = await noticeAt(admin, row.runtime_id)
        assert.equal(before?.connection.status, 'valid')
        assert.equal(before?.notice, null)
        await warnsIn(countersign, 1500)
      },
    )
    assert.equal(warned.connection.status, 'expiring')
    assert.deepEqual((await stored(countersign)).ever, ['expiring'])

    const ended = await untilRow(
      admin,
      row.runtime_id,
      ({ notice, connection }) => (notice?.kind === 'expired' ? connection : undefined),
      () => endsIn(countersign, 1500),
    )
    assert.equal(ended.status, 'expired')
    assert.deepEqual(await stored(countersign), {
      open: ['expired'],
      ever: ['expiring', 'expired'],
    })
    const said = await auditedStatuses(countersign)
    assert.deepEqual(
      said.filter((subject) => /: expir/.test(subject)),
      ['token of alice at Forge: expiring', 'token of alice at Forge: expired'],
    )
  })

  test('an authorization has lived as long as an administrator allows', async () => {
    await using countersign = await startCountersign()
    const { admin, forge, database } = countersign
    const [limited, free] = [await newRow(countersign), await newRow(countersign)]
    const token = await forge.token()
    await admin.addToken(limited, token)
    await admin.addToken(free, token)
    await admin.api.updateRuntimeProvider({ params: limited, body: { max_age_days: 30 } })
    const access = await noticeAt(admin, limited.runtime_id)
    const days = (Date.parse(access?.expires_at ?? '') - Date.now()) / DAY_MS
    assert.ok(days > 29.9 && days < 30, 'the row says when the authorization ends')

    const over = await untilRow(
      admin,
      limited.runtime_id,
      ({ notice, connection }) =>
        notice?.kind === 'reauthorization_required' ? connection : undefined,
      async () => {
        await sql`update authorizations set authorized_at = now() - interval '30 days'`.execute(
          database.db,
        )
        await admin.api.updateRuntimeProvider({ params: limited, body: { max_age_days: 30 } })
      },
    )
    assert.match(over.reason, /An administrator limits/)
    assert.equal((await noticeAt(admin, free.runtime_id))?.notice, null)
    assert.equal((await noticeAt(admin, free.runtime_id))?.connection.status, 'valid')

    await admin.addToken(limited, token)
    assert.equal((await noticeAt(admin, limited.runtime_id))?.notice, null)
    assert.deepEqual((await stored(countersign)).open, [])
  })

  test('each runtime warns as early as its administrator says', async () => {
    await using countersign = await startCountersign()
    const { admin, forge } = countersign
    const [early, late] = [await newRow(countersign), await newRow(countersign)]
    const token = await forge.token()
    const expires_at = from(20 * DAY_MS)
    await admin.addToken(early, token, { expires_at })
    await admin.addToken(late, token, { expires_at })
    await untilRow(
      admin,
      early.runtime_id,
      ({ notice }) => (notice?.kind === 'expiring' ? true : undefined),
      () => admin.api.updateRuntimeProvider({ params: early, body: { warning_days: 30 } }),
    )
    assert.equal((await noticeAt(admin, late.runtime_id))?.notice, null)
    assert.equal((await noticeAt(admin, late.runtime_id))?.connection.status, 'valid')

    await untilRow(
      admin,
      late.runtime_id,
      ({ notice }) => (notice?.kind === 'expiring' ? true : undefined),
      () => admin.api.updateRuntimeProvider({ params: late, body: { warning_days: 21 } }),
    )
    assert.deepEqual((await stored(countersign)).ever, ['expiring'], 'one token, one event')

    await untilRow(
      admin,
      early.runtime_id,
      ({ notice }) => (notice === null ? true : undefined),
      () => admin.api.updateRuntimeProvider({ params: early, body: { warning_days: 7 } }),
    )
  })
})

suite('what a Git host brings about', () => {
  test('rejected, too narrow, over: each kind is said once, and is over when it is good', async () => {
    await using countersign = await startCountersign()
    const { admin, forge } = countersign
    const row = await newRow(countersign)
    const told = async (kind: NoticeKind, connection: Connection) => {
      assert.equal(connection.status, kind)
      assert.equal((await noticeAt(admin, row.runtime_id))?.notice?.kind, kind)
      assert.deepEqual((await stored(countersign)).open, [kind])
    }

    await admin.addToken(row, await forge.token())
    await forge.control('POST', '/control/faults', { kind: 'status', status: 401 })
    for (let times = 0; times < 3; times += 1) {
      await told('rejected', await admin.checkNow(row.runtime_id))
    }
    await forge.control('DELETE', '/control/faults')
    await admin.checkNow(row.runtime_id)
    assert.equal((await noticeAt(admin, row.runtime_id))?.notice, null)
    assert.deepEqual(await stored(countersign), { open: [], ever: ['rejected'] })

    const narrow = await forge.token('alice', ['read:user'])
    await swapToken(countersign, row, narrow)
    await told('insufficient_scopes', await admin.checkNow(row.runtime_id))
    await admin.addToken(row, await forge.token())
    assert.deepEqual(await stored(countersign), {
      open: [],
      ever: ['rejected', 'insufficient_scopes'],
    })
  })

  test('an app that is removed ends its grants, and their owners are told', async () => {
    await using countersign = await startCountersign()
    const { admin, forge } = countersign
    const row = await newRow(countersign)
    const all = await forge.token('alice', ['all'])
    const client = await registerClient(admin, { url: forge.url, token: all }, row)
    await authorizeWithOAuth(admin, row, ALICE)
    await untilRow(
      admin,
      row.runtime_id,
      ({ notice }) => (notice?.kind === 'reauthorization_required' ? true : undefined),
      () => admin.api.deleteClient({ params: { id: client.id } }),
    )
    assert.deepEqual((await stored(countersign)).ever, ['reauthorization_required'])
  })

  test('an outage makes none', async () => {
    await using countersign = await startCountersign({
      env: { COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: '2' },
    })
    const { admin, forge } = countersign
    const row = await newRow(countersign)
    await admin.addToken(row, await forge.token())
    for (const fault of [
      { kind: 'status', status: 503 },
      { kind: 'html', status: 401 },
      { kind: 'reset' },
    ]) {
      await forge.control('POST', '/control/faults', fault)
      const connection = await admin.checkNow(row.runtime_id)
      assert.notEqual(connection.check_failed, null)
      await forge.control('DELETE', '/control/faults')
    }
    await using _away = await forge.away()
    assert.notEqual((await admin.checkNow(row.runtime_id)).check_failed, null)
    assert.deepEqual((await stored(countersign)).ever, [])
    assert.equal((await noticeAt(admin, row.runtime_id))?.notice, null)
  })
})

suite('hiding', () => {
  test('a hidden notice stays hidden, and the other runtime still shows it', async () => {
    await using countersign = await startCountersign()
    const { admin, forge } = countersign
    const [one, other] = [await newRow(countersign), await newRow(countersign)]
    const token = await forge.token()
    const expires_at = from(3 * DAY_MS)
    await admin.addToken(one, token, { expires_at })
    await admin.addToken(other, token, { expires_at })
    const hidden = async (row: Row) => (await noticeAt(admin, row.runtime_id))?.notice?.hidden
    assert.deepEqual([await hidden(one), await hidden(other)], [false, false])
    await admin.addToken(await newRow(countersign), await forge.token())
    await newRow(countersign)
    const first = await admin.api.listAccess({ query: { in_need: true, limit: 1 } })
    const cursor = first.next_cursor ?? ''
    const second = await admin.api.listAccess({ query: { in_need: true, limit: 1, cursor } })
    assert.equal(second.next_cursor, null)
    assert.deepEqual(
      [...first.items, ...second.items].map(({ runtime }) => runtime.id),
      [one.runtime_id, other.runtime_id],
      'only what is in need, a page at a time',
    )

    const { id } = (await noticeAt(admin, one.runtime_id)) ?? { id: '' }
    const answer = await admin.api.updateAuthorization({
      params: { id },
      body: { notice_hidden: true },
    })
    assert.equal(answer.notice?.hidden, true)
    assert.deepEqual([await hidden(one), await hidden(other)], [true, false])
    await admin.checkNow(one.runtime_id)
    await admin.checkNow(one.runtime_id)
    assert.deepEqual([await hidden(one), await hidden(other)], [true, false])

    // Something new: it is rejected now.
    await forge.control('POST', '/control/tokens/revoke', { sha1: token })
    await admin.checkNow(one.runtime_id)
    assert.deepEqual([await hidden(one), await hidden(other)], [false, false])
    await admin.api.updateAuthorization({ params: { id }, body: { notice_hidden: true } })
    assert.deepEqual([await hidden(one), await hidden(other)], [true, false])
    await admin.api.updateAuthorization({ params: { id }, body: { notice_hidden: false } })
    assert.deepEqual([await hidden(one), await hidden(other)], [false, false])
  })

  test('what was good in between is something new', async () => {
    await using countersign = await startCountersign()
    const { admin, forge } = countersign
    const row = await newRow(countersign)
    await admin.addToken(row, await forge.token())
    const reject = async () => {
      await forge.control('POST', '/control/faults', { kind: 'status', status: 401 })
      await admin.checkNow(row.runtime_id)
      await forge.control('DELETE', '/control/faults')
    }
    await reject()
    const { id } = (await noticeAt(admin, row.runtime_id)) ?? { id: '' }
    await admin.api.updateAuthorization({ params: { id }, body: { notice_hidden: true } })
    await admin.checkNow(row.runtime_id)
    await reject()
    assert.equal((await noticeAt(admin, row.runtime_id))?.notice?.hidden, false)
    assert.deepEqual(await stored(countersign), {
      open: ['rejected'],
      ever: ['rejected', 'rejected'],
    })
  })
})

suite('replicas and restarts', () => {
  test('vaults that start at once, and again, write each event down once', async () => {
    await using countersign = await startCountersign()
    const { admin, forge, database, config, vault_key } = countersign
    const people = [admin, await countersign.person('bob'), await countersign.person('carol')]
    const row = await newRow(countersign)
    for (const person of people) {
      await person.addToken(row, await forge.token(), { expires_at: from(30 * DAY_MS) })
    }
    const log = (await import('pino')).pino({ level: 'silent' })
    const more = async () => {
      const own = openDatabase(database.url, { max: 5, onError: () => {} })
      const vault = await startVault(own, config, vault_key, { log })
      return {
        async [Symbol.asyncDispose]() {
          await vault[Symbol.asyncDispose]()
          await own[Symbol.asyncDispose]()
        },
      }
    }
    const twice = Promise.all([more(), more()])
    await untilRow(
      admin,
      row.runtime_id,
      ({ notice }) => (notice?.kind === 'expired' ? true : undefined),
      () => endsIn(countersign, 300),
    )
    for (const vault of await twice) await vault[Symbol.asyncDispose]()
    await allTold(countersign, people.length)

    // As if nobody had looked yet: what a vault finds when it comes back after a while.
    for (let restarts = 0; restarts < 2; restarts += 1) {
      await sql`update connections set notice_due_at = now()`.execute(database.db)
      await using _again = await more()
      await using _process = await startVaultProcess({
        database_url: database.url,
        data_folder: `${config.data_folder}/notices-${process.pid}`,
        vault_key,
        page_url: countersign.page_url,
      })
      await settled(countersign)
    }
    await allTold(countersign, people.length)
    const said = (await auditedStatuses(countersign)).filter((subject) => /: expired/.test(subject))
    assert.equal(said.length, people.length)
  })

  test('two that write the same event at once leave one row', async () => {
    await using countersign = await startCountersign()
    const { admin, forge, database } = countersign
    const row = await newRow(countersign)
    const token = await forge.token()
    await admin.addToken(row, token)
    const { settleNotices } = await import('../../src/authorizations/notices.ts')
    await sql`update connections set status = 'rejected', notice_due_at = null`.execute(database.db)
    const { id } = await database.db
      .selectFrom('connections')
      .select('id')
      .executeTakeFirstOrThrow()
    await Promise.all(
      Array.from({ length: 8 }, () =>
        database.db.transaction().execute((trx) => settleNotices(trx, id)),
      ),
    )
    assert.deepEqual((await stored(countersign)).ever, ['rejected'])
    const copy = sql`insert into notices (connection_id, authorization_id, kind, event)
      select connection_id, authorization_id, kind, event from notices`
    await assert.rejects(copy.execute(database.db), /notices_open/)
  })
})

/** What is to be said next of a token with an end is due this soon, as if it had been handed in so long ago. */
async function warnsIn(countersign: Countersign, ms: number): Promise<void> {
  const at = new Date(Date.now() + ms)
  await sql`update connections set expires_at = expires_at - (notice_due_at - ${at}),
    notice_due_at = ${at} where expires_at is not null`.execute(countersign.database.db)
  await wakeScheduler(countersign)
}

/** Every token with an end ends this soon, as if it had been handed in so long ago. */
async function endsIn(countersign: Countersign, ms: number): Promise<void> {
  const at = new Date(Date.now() + ms)
  await sql`update connections set expires_at = ${at}, notice_due_at = ${at}
    where expires_at is not null`.execute(countersign.database.db)
  await wakeScheduler(countersign)
}

async function allTold(countersign: Countersign, count: number): Promise<void> {
  await settled(countersign)
  const { ever } = await stored(countersign)
  assert.deepEqual(ever, Array(count).fill('expired'))
}

/** Resolves when nothing is due any more. */
async function settled({ database }: Countersign): Promise<void> {
  await until('the writing of all notices that are due', async () => {
    const { rows } = await sql`select 1 from connections
      where notice_due_at < now() + interval '1 minute'`.execute(database.db)
    return rows.length === 0
  })
}
