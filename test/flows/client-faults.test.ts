import assert from 'node:assert/strict'
import { after, afterEach, suite, test } from 'node:test'
import { sql } from 'kysely'
import { problemUri } from '../../src/contract/index.ts'
import { startWithGitlab } from '../harness/gitlab.ts'
import { connectionOf, wakeScheduler } from '../harness/granted.ts'
import { beginOAuth, comeBack } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'

const scene = await startWithGitlab()
after(() => scene[Symbol.asyncDispose]())
const { countersign, gitlab, app } = scene
const { admin, database } = countersign
const row = await scene.runtime('builder')
await scene.authorize(row, 'carol')
const rightSecret = app.client_secret

async function client() {
  const { items } = await admin.api.listClients({ query: {} })
  return items.find(({ client_id }) => client_id === app.client_id) ?? assert.fail()
}

const inNeed = async () =>
  (await admin.api.getRuntime({ params: { id: row.runtime_id } })).apps_in_need

suite('a test of an app', () => {
  afterEach(() => {
    app.client_secret = rightSecret
    gitlab.interruption = undefined
  })

  async function tested() {
    const { id, test } = await client()
    await using events = await admin.events()
    await admin.api.testClient({ params: { id } })
    return await events.until(async () => {
      const now = (await client()).test
      return now !== null && now.at !== test?.at ? now : undefined
    })
  }

  test('passes where the host knows id and secret', async () => {
    const { outcome, detail } = await tested()
    assert.equal(outcome, 'passed')
    assert.match(detail, /^GitLab knows this app and its secret/)
    assert.deepEqual(await inNeed(), [])
  })

  test('fails where the host does not, and the list of runtimes says so', async () => {
    app.client_secret = 'another'
    const { outcome, detail } = await tested()
    assert.equal(outcome, 'failed')
    assert.equal(
      detail,
      'GitLab does not accept this app (invalid_client). Check its id and secret.',
    )
    assert.deepEqual(await inNeed(), ['GitLab'])
  })

  test('proves nothing where the host gives no answer', async () => {
    gitlab.interruption = { status: 503 }
    const { outcome, detail } = await tested()
    assert.equal(outcome, 'not_proved')
    assert.match(detail, /gave no answer that says anything. Try again later/)
    assert.deepEqual(await inNeed(), [])
  })
})

suite('an app that is mended while the host is asked with the wrong one', () => {
  afterEach(() => {
    app.client_secret = rightSecret
    gitlab.holdBack = undefined
  })

  /** Asks with an app that the host does not accept, which is mended before the answer comes. */
  async function mendedMeanwhile(ask: () => Promise<unknown>): Promise<void> {
    const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    gitlab.holdBack = (path) => {
      if (path !== '/oauth/token') return undefined
      gitlab.holdBack = undefined
      held.resolve()
      return released.promise
    }
    app.client_secret = 'another'
    await ask()
    await held.promise
    app.client_secret = rightSecret
    const { id } = await client()
    const { provider_id } = row
    const { client_id, client_secret } = app
    await admin.api.putClient({ body: { id, provider_id, client_id, client_secret } })
    released.resolve()
  }

  test('has passed the test that was under way', async () => {
    await using events = await admin.events()
    const { id } = await client()
    await mendedMeanwhile(() => admin.api.testClient({ params: { id } }))
    const { outcome } = await events.until(async () => (await client()).test ?? undefined)
    assert.equal(outcome, 'passed')
  })

  test('is not blamed for what a refresh was told', async () => {
    await mendedMeanwhile(async () => {
      await sql`update connections set refresh_due_at = now()`.execute(database.db)
      await wakeScheduler(countersign)
    })
    await until('the end of the refresh', async () => {
      const { refresh_claimed_at } = await connectionOf(countersign)
      return refresh_claimed_at === null
    })
    assert.equal((await client()).test, null)
  })
})

test('an app that a refresh is turned down for is shown, until a refresh works again', async () => {
  await using events = await admin.events()
  async function refreshed(): Promise<void> {
    await sql`update connections set refresh_due_at = now()`.execute(database.db)
    await wakeScheduler(countersign)
  }
  app.client_secret = 'another'
  await refreshed()
  const failed = await events.until(async () => {
    const { test } = await client()
    return test?.outcome === 'failed' ? test : undefined
  })
  assert.match(failed.detail, /^GitLab did not accept this app when it was used \(invalid_client\)/)
  assert.deepEqual(await inNeed(), ['GitLab'])
  await events.until(async () => events.seen.includes('clients') || undefined)
  assert.equal((await connectionOf(countersign)).status, 'valid')

  app.client_secret = rightSecret
  await refreshed()
  const passed = await events.until(async () => {
    const { test } = await client()
    return test?.outcome === 'passed' ? test : undefined
  })
  assert.equal(passed.detail, 'GitLab accepted this app when it was used.')
  assert.deepEqual(await inNeed(), [])
})

test('the form for an app names all that may be asked for with it, and why', async () => {
  const { provider_id } = row
  const names = async (place: { runtime_id?: string } = {}) => {
    const { scopes } = await admin.api.getClientForm({ query: { provider_id, ...place } })
    return scopes.map(({ scope, reason }) => `${scope}: ${reason}`)
  }
  const usual = [
    'read_api: to see whose token it is and which projects it reaches',
    'write_repository: to clone, fetch and push',
    "api: to clone, fetch, push and keep webhooks, for a runtime's own token",
  ]
  assert.deepEqual(await names(), usual)
  const set = (scopes: string[] | null) =>
    admin.api.updateRuntimeProvider({ params: row, body: { scopes } })
  const { detail, extensions } = await refusal(set(['read_api', 'openid']), 'scopes-too-few')
  assert.deepEqual(extensions.missing_scopes, ['write_repository'])
  assert.match(
    detail,
    /write_repository is missing. The usual scopes are read_api write_repository/,
  )
  assert.deepEqual((await set(['api', 'openid'])).scopes, ['api', 'openid'])
  const own = [...usual, 'openid: chosen by an administrator']
  assert.deepEqual(await names(), own)
  assert.deepEqual(await names({ runtime_id: row.runtime_id }), own)
  const other = await scene.runtime('other')
  assert.deepEqual(await names({ runtime_id: other.runtime_id }), usual)
  await set(null)
})

test('who authorizes with an app that the host does not accept is told, and so are administrators', async () => {
  const second = await scene.runtime('second')
  const { request, authorization_url } = await beginOAuth(admin, second)
  gitlab.oauth.signIn('carol')
  const sent = await fetch(authorization_url, { redirect: 'manual' })
  app.client_secret = 'another'
  await using events = await admin.events()
  await comeBack(sent.headers.get('location') ?? '', admin.cookie)
  const { problem } = await events.until(async () => {
    const now = await admin.api.getAuthorizationRequest({ params: { id: request.id } })
    return now.status === 'refused' ? now : undefined
  })
  assert.equal(problem?.type, problemUri('client-misconfigured'))
  assert.match(problem.detail, /GitLab does not accept our OAuth app. Ask an administrator/)
  assert.equal((await client()).test?.outcome, 'failed')

  app.client_secret = rightSecret
  await scene.authorize(second, 'carol')
  assert.equal((await client()).test?.outcome, 'passed')
})

test("the app of a runtime's own token is shown, too, where people paste tokens", async () => {
  const robot = await scene.runtime('robot')
  await scene.authorize(robot, 'dave', { itself: true })
  await admin.api.updateRuntimeProvider({ params: robot, body: { auth_mode: 'token' } })
  const seen = async () => {
    const { apps_in_need } = await admin.api.getRuntime({ params: { id: robot.runtime_id } })
    const { items } = await admin.api.listRuntimes({ query: { in_need: true } })
    return [apps_in_need, items.some(({ id }) => id === robot.runtime_id)]
  }
  assert.deepEqual(await seen(), [[], false])
  app.client_secret = 'another'
  await using events = await admin.events()
  await admin.api.testClient({ params: { id: (await client()).id } })
  await events.until(async () => ((await client()).test?.outcome === 'failed' ? true : undefined))
  assert.deepEqual(await seen(), [['GitLab'], true])
})
