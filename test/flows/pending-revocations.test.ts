import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { ProblemError } from '../../src/contract/index.ts'
import { removeFinished } from '../../src/jobs/remove-finished.ts'
import { migrate } from '../../src/store/migrate.ts'
import { startWithGitlab } from '../harness/gitlab.ts'
import { refusal } from '../harness/problems.ts'

const scene = await startWithGitlab()
after(() => scene[Symbol.asyncDispose]())
const { countersign, gitlab, provider } = scene
const { admin, database } = countersign
const bob = await countersign.person('bob')
const row = await scene.runtime('builder')

const pending = async () => (await admin.api.listRevocations({ query: {} })).items
const ofRuntime = async () =>
  (await admin.api.listRuntimeRevocations({ params: { id: row.runtime_id }, query: {} })).items

/** GitLab answers 503 to being told, until this is undone. */
function away(): void {
  gitlab.interruptionFor = (path) => (path === '/oauth/revoke' ? { status: 503 } : undefined)
}

async function deleteAuthorization(): Promise<void> {
  const { authorization } = await admin.access(row.runtime_id)
  await admin.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
}

test('a grant that could not be ended is shown to its person until it is', async () => {
  await scene.authorize(row, 'carol')
  const { access_token, refresh_token } = await scene.tokens()
  assert.ok(refresh_token !== null)
  away()
  await using events = await admin.events()
  const asked = new Date().toISOString()
  await deleteAuthorization()
  const [shown, ...more] = await events.until(async () => {
    const items = await pending()
    return items.length === 0 ? undefined : items
  })
  assert.deepEqual(more, [])
  const { id, created_at, tried_at, reason, ...rest } = shown ?? assert.fail()
  assert.match(reason ?? '', /answered with error 503/)
  assert.ok(created_at >= asked && (tried_at ?? '') >= created_at)
  const { kind, name, base_url } = provider
  assert.deepEqual(rest, {
    provider: { id: provider.id, kind, name, base_url },
    account: 'carol',
    grant_page: `${gitlab.url}/-/user_settings/applications`,
  })
  assert.deepEqual((await bob.api.listRevocations({ query: {} })).items, [])
  assert.ok(gitlab.working(access_token))

  gitlab.interruptionFor = undefined
  await events.until(async () => ((await pending()).length === 0 ? true : undefined))
  assert.equal(gitlab.working(access_token), undefined)
  assert.equal(gitlab.working(refresh_token), undefined)
})

test('one whose app has a secret that cannot be read says so until that is mended', async () => {
  await scene.authorize(row, 'carol')
  const { access_token } = await scene.tokens()
  const { db } = database
  const { client_secret_box } = await db
    .selectFrom('clients')
    .select('client_secret_box')
    .executeTakeFirstOrThrow()
  const setBox = (client_secret_box: string | null) =>
    db.updateTable('clients').set({ client_secret_box }).execute()
  await setBox('damaged')
  await using events = await admin.events()
  await deleteAuthorization()
  const [shown] = await events.until(async () => {
    const items = await pending()
    return items[0]?.reason ? items : undefined
  })
  assert.equal(shown?.reason, 'The client secret of our OAuth app cannot be read.')
  await setBox(client_secret_box)
  await events.until(async () => ((await pending()).length === 0 ? true : undefined))
  assert.equal(gitlab.working(access_token), undefined)
})

test("a runtime's own is shown to administrators, and to nobody as theirs", async () => {
  await scene.authorize(row, 'dave', { itself: true })
  away()
  await using events = await admin.events()
  await admin.api.deleteRuntimeToken({ params: row })
  const items = await events.until(async () => {
    const found = await ofRuntime()
    return found.length === 0 ? undefined : found
  })
  assert.deepEqual(
    items.map(({ account }) => account),
    ['dave'],
  )
  assert.deepEqual(await pending(), [])
  // From before it was written down whose they are.
  await sql`update revocations set owner_kind = 'person'`.execute(database.db)
  assert.deepEqual(await ofRuntime(), [])
  await sql`alter table revocations drop column version`.execute(database.db)
  await sql`delete from kysely_migration where name >= '0018-replaced-apps'`.execute(database.db)
  await migrate(database)
  assert.equal((await ofRuntime()).length, 1)
  await assert.rejects(
    bob.api.listRuntimeRevocations({ params: { id: row.runtime_id }, query: {} }),
    (error) => error instanceof ProblemError && error.type === 'not-an-administrator',
  )
  gitlab.interruptionFor = undefined
  await events.until(async () => ((await ofRuntime()).length === 0 ? true : undefined))
})

test('where newer tokens are in use, no page is named: who ends the grant there ends these', async () => {
  await scene.authorize(row, 'carol')
  away()
  await using events = await admin.events()
  await scene.authorize(row, 'carol')
  const many = (count: number) =>
    events.until(async () => {
      const items = await pending()
      return items.length === count ? items.map(({ grant_page }) => grant_page) : undefined
    })
  assert.deepEqual(await many(1), [null])
  const page = `${gitlab.url}/-/user_settings/applications`
  await database.db.updateTable('revocations').set({ account_login: 'dave' }).execute()
  assert.deepEqual(await many(1), [page], 'another account has an entry of its own')
  await database.db.updateTable('revocations').set({ account_login: 'an account' }).execute()
  assert.deepEqual(await many(1), [null], 'it was turned down before anybody knew whose it was')
  await deleteAuthorization()
  assert.deepEqual(await many(2), [page, page])
  gitlab.interruptionFor = undefined
  await many(0)
})

test('there are pages of them, the oldest first', async () => {
  await scene.authorize(row, 'carol')
  away()
  await using events = await admin.events()
  await deleteAuthorization()
  await events.until(async () => ((await pending()).length === 1 ? true : undefined))
  await sql`insert into revocations (row_id, owner_id, provider_id, client_row_id, client_id,
      client_secret_box, account_login, box, failed_at, failure, created_at)
    select row_id, owner_id, provider_id, client_row_id, client_id,
      client_secret_box, 'older', box, now(), 'It was away.', now() - interval '1 hour'
    from revocations`.execute(database.db)
  const first = await admin.api.listRevocations({ query: { limit: 1 } })
  const cursor = first.next_cursor ?? assert.fail('there is more')
  const second = await admin.api.listRevocations({ query: { limit: 1, cursor } })
  assert.equal(second.next_cursor, null)
  const accounts = [...first.items, ...second.items].map(({ account }) => account)
  assert.deepEqual(accounts, ['older', 'carol'])
})

test('one that is given up after a month is written down', async () => {
  away()
  await sql`delete from revocations where account_login = 'older'`.execute(database.db)
  await sql`update revocations set created_at = now() - interval '31 days'`.execute(database.db)
  await removeFinished(database.db)
  assert.deepEqual(await pending(), [])
  const written = await database.db
    .selectFrom('audit')
    .select(['subject', 'reason'])
    .where('action', '=', 'connection.revoke')
    .orderBy('id', 'desc')
    .executeTakeFirst()
  assert.equal(written?.subject, 'grant of carol at GitLab: given up, destroyed here')
  assert.match(written?.reason ?? '', /answered with error 503/)
})

test('a Git host is not removed before it was told of what has just ended, unless it is away', async () => {
  gitlab.interruptionFor = undefined
  await scene.authorize(row, 'carol')
  const told = Promise.withResolvers<void>()
  gitlab.holdBack = (path) => (path === '/oauth/revoke' ? told.promise : undefined)
  await admin.api.updateRuntime({ params: { id: row.runtime_id }, body: { provider_ids: [] } })
  const remove = () => admin.api.deleteProvider({ params: { id: provider.id } })
  const { detail } = await refusal(remove(), 'provider-in-use')
  assert.match(detail, /being told/)

  await using events = await admin.events()
  away()
  gitlab.holdBack = undefined
  told.resolve()
  await events.until(async () => ((await pending()).length === 0 ? undefined : true))
  await remove()
  assert.deepEqual(await pending(), [])
})
