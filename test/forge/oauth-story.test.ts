import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { ProblemError } from '../../src/contract/index.ts'
import { installation, countersign as runCountersign } from '../cli/countersign.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import {
  answerAtForge,
  authorizeWithOAuth,
  beginOAuth,
  beginRuntimeOAuth,
  comeBack,
  registerClient,
} from '../harness/oauth.ts'
import { temporaryFolder } from './git.ts'
import { describeForges } from './populated-forge.ts'

const CAROL = { login: 'carol', password: 'carol-secret' }

describeForges('the story of an OAuth2 authorization', (forge) => {
  let countersign: Countersign
  let row: { runtime_id: string; provider_id: string }
  let key: string
  let folder: { path: string; remove(): Promise<unknown> }
  const host = () => new URL(forge.url).host
  const credential = (min_ttl?: number) =>
    runtimeClient(countersign.vault_url, key).issueCredential({
      body: {
        person: 'ada@example.com',
        protocol: 'http',
        host: host(),
        ...(min_ttl === undefined ? {} : { min_ttl }),
      },
    })

  before(async () => {
    countersign = await startCountersign()
    folder = await temporaryFolder()
    const { api } = countersign.admin
    const provider = await api.createProvider({
      body: {
        kind: 'gitea',
        name: 'The forge of the story',
        base_url: forge.url,
        private_address_confirmed: true,
      },
    })
    const made = await api.createRuntime({ body: { name: 'first', provider_ids: [provider.id] } })
    key = made.key
    row = { runtime_id: made.runtime.id, provider_id: provider.id }
  })
  after(async () => {
    await countersign[Symbol.asyncDispose]()
    await folder.remove()
  })

  test('where no app is registered, the row and the API say so', async () => {
    const { api } = countersign.admin
    await api.updateRuntimeProvider({ params: row, body: { auth_mode: 'default_client' } })
    const detail = await api.getAccess({ params: row })
    assert.equal(detail.oauth, 'client_not_registered')
    assert.deepEqual(detail.administrators, [{ name: 'ada', email: 'ada@example.com' }])
    await assert.rejects(
      beginOAuth(countersign.admin, row),
      (error) => error instanceof ProblemError && error.type === 'client-not-registered',
    )
  })

  test('an administrator registers the app, and a test of it passes', async () => {
    const { admin } = countersign
    const client = await registerClient(admin, { url: forge.url, token: forge.token('all') }, row)
    await using events = await admin.events()
    await admin.api.testClient({ params: { id: client.id } })
    const tested = await events.until(async () => {
      const { items } = await admin.api.listClients({ query: {} })
      return items[0]?.test ?? undefined
    })
    assert.equal(tested.outcome, 'passed', tested.detail)
  })

  test('who says no is told that nothing was changed', async () => {
    const { admin } = countersign
    const { request, authorization_url } = await beginOAuth(admin, row)
    const back = await answerAtForge(authorization_url, { ...CAROL, granted: false })
    await comeBack(back, admin.cookie)
    const now = await admin.api.getAuthorizationRequest({ params: { id: request.id } })
    assert.equal(now.status, 'refused')
    assert.match(now.problem?.type ?? '', /authorization-declined$/)
  })

  test('who says yes has authorized the runtime, and a push is theirs', async () => {
    const done = await authorizeWithOAuth(countersign.admin, row, CAROL)
    assert.equal(done.status, 'completed', done.problem?.detail)
    const { authorization } = await countersign.admin.access(row.runtime_id)
    assert.equal(authorization?.connection.method, 'oauth')
    assert.equal(authorization?.connection.status, 'valid')
    assert.equal(authorization?.connection.account.login, 'carol')
    const pushed = await push('one')
    assert.equal(pushed.code, 0, pushed.stderr)
  })

  test('a refresh gives another token, and a push with it works', async () => {
    await sql`update connections set version = version + 1,
      access_issued_at = now() - interval '40 minutes',
      access_expires_at = now() + interval '20 minutes' where method = 'oauth'`.execute(
      countersign.database.db,
    )
    const before = await version()
    const renewed = await credential(1800)
    assert.equal(await version(), before + 1)
    assert.equal((await credential()).password, renewed.password)
    const pushed = await push('two')
    assert.equal(pushed.code, 0, pushed.stderr)
  })

  test('a code, a state and a session are good once, together, and nowhere else', async () => {
    const { admin } = countersign
    const bob = await countersign.person('bob')
    const { authorization_url } = await beginOAuth(admin, row)
    const back = await answerAtForge(authorization_url, CAROL)
    const unknown = /problem=authorization-request-unknown$/
    assert.match((await comeBack(back, bob.cookie)).href, unknown)
    assert.match(
      (await comeBack(back.replace(/state=[^&]*/, 'state=x'), admin.cookie)).href,
      unknown,
    )
    const landed = (await comeBack(back, admin.cookie)).href
    assert.match(landed, /request=/)
    assert.equal((await comeBack(back, admin.cookie)).href, landed)
  })

  test('another account than before is asked about first', async () => {
    const { admin } = countersign
    const dave = { login: 'dave', password: 'dave-secret' }
    const asked = await authorizeWithOAuth(admin, row, dave)
    assert.equal(asked.status, 'account_changed')
    assert.deepEqual([asked.account_before, asked.account_after], ['carol', 'dave'])
    assert.equal((await credential()).account.login, 'carol')
    await using events = await admin.events()
    await admin.api.confirmAuthorizationRequest({ params: { id: asked.id } })
    await events.until(async () =>
      (await admin.access(row.runtime_id)).authorization?.connection.account.login === 'dave'
        ? true
        : undefined,
    )
    assert.equal((await credential()).account.login, 'dave')
  })

  test('the runtime itself is authorized as its robot account, pushes, and is refreshed', async () => {
    const { admin, database } = countersign
    const done = await authorizeWithOAuth(admin, row, CAROL, beginRuntimeOAuth)
    assert.equal(done.status, 'completed', done.problem?.detail)
    const { connection } = await admin.api.getRuntimeToken({ params: row })
    assert.deepEqual([connection?.method, connection?.account.login], ['oauth', 'carol'])
    const pushed = await push('robot-one', ['--as-runtime'])
    assert.equal(pushed.code, 0, pushed.stderr)
    await sql`update connections set version = version + 1,
      access_issued_at = now() - interval '1 hour', access_expires_at = now()
      where runtime_id = ${row.runtime_id}`.execute(database.db)
    const again = await push('robot-two', ['--as-runtime'])
    assert.equal(again.code, 0, again.stderr)
    const body = { as_runtime: true, protocol: 'http', host: host() } as const
    const robot = await runtimeClient(countersign.vault_url, key).issueCredential({ body })
    assert.equal(robot.account.login, 'carol')
    assert.equal((await credential()).account.login, 'dave')
  })

  async function version(): Promise<number> {
    const row = await countersign.database.db
      .selectFrom('connections')
      .select('version')
      .where('method', '=', 'oauth')
      .executeTakeFirstOrThrow()
    return row.version
  }

  async function push(name: string, as = ['--as', 'ada@example.com']) {
    const env = { COUNTERSIGN_RUNTIME_KEY: key, HOME: folder.path }
    const script = `rm -rf work; git clone -q "$1" work; cd work; echo x >"$2"; git add -A
      git commit -qm "$2"; git push -q origin HEAD:main`
    const url = `${forge.url}/carol/secret.git`
    return await runCountersign(
      ['run', ...as, '--', 'sh', '-ec', `cd "$3"; ${script}`, 'sh', url, name, join(folder.path)],
      installation(countersign.vault_url, env),
    )
  }
})
