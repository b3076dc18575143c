import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, suite, test } from 'node:test'
import { sql } from 'kysely'
import { type Connection, problemUri } from '../../src/contract/index.ts'
import { temporaryFolder } from '../agent/git-end.ts'
import { installation, countersign as runCountersign } from '../cli/countersign.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import {
  answerAtForge,
  authorizeWithOAuth,
  beginRuntimeOAuth,
  comeBack,
  registerClient,
} from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { startGitlab } from '../standins/gitlab/gitlab.ts'

const ROBOT = { login: 'robot', password: 'robot-secret' }
const OTHER = { login: 'other-robot', password: 'other-secret' }
const TOKEN_ENDPOINT = '/login/oauth/access_token'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, forge, provider, database, page_url } = countersign
const member = await countersign.person('bob')
const host = new URL(forge.url).host
for (const account of [ROBOT, OTHER]) {
  await forge.control('POST', '/control/users', {
    ...account,
    email: `${account.login}@forge.example`,
    full_name: 'The Robot',
  })
}
await fetch(`${forge.url}/api/v1/user/repos`, {
  method: 'POST',
  headers: {
    authorization: `token ${await forge.token('robot', ['all'])}`,
    'content-type': 'application/json',
  },
  body: JSON.stringify({ name: 'work', private: true, auto_init: true }),
}).then(async (made) => assert.equal(made.status, 201, await made.text()))

/** A new runtime, and what its workloads and its administrator do with its own token. */
async function newRuntime() {
  const { runtime, key } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const vault = runtimeClient(countersign.vault_url, key)
  return {
    runtime,
    key,
    row,
    vault,
    page: `${page_url}/admin/runtimes/${runtime.id}/token/${provider.id}`,
    asItself: () =>
      vault.issueCredential({ body: { as_runtime: true, protocol: 'http', host } as const }),
    asAda: () =>
      vault.issueCredential({
        body: { person: 'ada@example.com', protocol: 'http', host } as const,
      }),
    async token(): Promise<Connection | null> {
      const { items } = await admin.api.listRuntimeTokens({ params: { id: runtime.id } })
      return items[0]?.connection ?? null
    },
  }
}

type RuntimeScene = Awaited<ReturnType<typeof newRuntime>>

/** `countersign run --as-runtime`, with a clone, a commit and a push. */
async function push({ key }: RuntimeScene, name: string) {
  await using folder = await temporaryFolder()
  const script = `cd "$1"; git clone -q "$2" work; cd work; echo x >"$3"; git add -A
    git commit -qm "$3"; git push -q origin HEAD:main; git log -1 --format='%an <%ae>'`
  const url = `${forge.url}/robot/work.git`
  const env = installation(countersign.vault_url, {
    COUNTERSIGN_RUNTIME_KEY: key,
    HOME: folder.path,
  })
  const command = ['sh', '-ec', script, 'sh', folder.path, url, name]
  return await runCountersign(['run', '--as-runtime', '--', ...command], env)
}

async function lastAudit(action: string) {
  const { items } = await admin.api.listAudit({ query: { limit: 100 } })
  return items.find((entry) => entry.action === action)
}

/** How many rows there are of an owner. */
async function rowsOf(table: 'connections' | 'revocations', owner_id: string): Promise<number> {
  const rows = await database.db
    .selectFrom(table)
    .select('id')
    .where('owner_id', '=', owner_id)
    .execute()
  return rows.length
}

suite('a pasted token', () => {
  test('is the robot account with which a runtime clones, commits and pushes', async () => {
    const scene = await newRuntime()
    const candidate = await admin.addRuntimeToken(scene.row, await forge.token('robot'))
    assert.equal(candidate.status, 'accepted', candidate.problem?.detail)
    const connection = await scene.token()
    assert.equal(connection?.status, 'valid')
    assert.equal(connection?.account.login, 'robot')

    const pushed = await push(scene, 'one')
    assert.equal(pushed.code, 0, pushed.stderr)
    assert.equal(pushed.stdout.trim(), 'The Robot <robot@forge.example>')
    assert.equal((await forge.pushes()).at(-1)?.login, 'robot')
    const entry = await lastAudit('credential.issue')
    assert.match(entry?.subject ?? '', / as the runtime itself$/)
    assert.match(
      (await lastAudit('candidate.finish'))?.subject ?? '',
      new RegExp(`^own token of runtime ${scene.runtime.name} for Forge: accepted$`),
    )
  })

  test('that is bad changes nothing; a good one takes over, in the same row', async () => {
    const scene = await newRuntime()
    await admin.addRuntimeToken(scene.row, await forge.token('robot'))
    const before = await scene.token()
    const { password } = await scene.asItself()

    const bad = await admin.addRuntimeToken(scene.row, '0'.repeat(40))
    assert.equal(bad.status, 'refused')
    assert.deepEqual(await scene.token(), before)
    assert.equal((await scene.asItself()).password, password)

    const next = await forge.token('other-robot')
    const good = await admin.addRuntimeToken(scene.row, next)
    assert.deepEqual(good.notes, ['The account is now other-robot; it was robot.'])
    assert.equal((await scene.token())?.id, before?.id)
    assert.equal((await scene.asItself()).password, next)
  })

  test('is checked on demand, and by itself; what is wrong is seen in the list', async () => {
    const scene = await newRuntime()
    const token = await forge.token('robot')
    await admin.addRuntimeToken(scene.row, token)
    const inNeed = async () => {
      const { items } = await admin.api.listRuntimes({ query: { in_need: true } })
      const { tokens_in_need } = await admin.api.getRuntime({ params: { id: scene.runtime.id } })
      assert.equal(
        items.some(({ id }) => id === scene.runtime.id),
        tokens_in_need.length > 0,
      )
      return tokens_in_need
    }
    assert.deepEqual(await inNeed(), [])
    await forge.control('POST', '/control/tokens/revoke', { sha1: token })
    await using events = await admin.events()
    const checking = await admin.api.checkRuntimeToken({ params: scene.row })
    assert.equal(checking.status, 'checking')
    await events.until(async () =>
      (await scene.token())?.status === 'rejected' ? true : undefined,
    )
    await events.until(async () => events.seen.includes('runtime_token') || undefined)
    assert.deepEqual(await inNeed(), ['Forge'])
    const problem = await refusal(scene.asItself(), 'credential-rejected')
    assert.equal(problem.extensions.page, scene.page)
    const refused = await push(scene, 'never')
    assert.equal(refused.code, 3)
    assert.match(refused.stderr, /The own token of runtime .* does not work/)

    const second = await forge.token('robot')
    await admin.addRuntimeToken(scene.row, second)
    await forge.control('POST', '/control/tokens/revoke', { sha1: second })
    await sql`update connections set check_due_at = now()
      where runtime_id = ${scene.runtime.id}`.execute(database.db)
    await sql`select pg_notify('countersign_changes',
      ${JSON.stringify({ name: 'runtime_token', owner_id: null, id: randomUUID() })})`.execute(
      database.db,
    )
    await events.until(async () =>
      (await scene.token())?.status === 'rejected' ? true : undefined,
    )
  })

  test("is reported by Git and checked, as a person's is", async () => {
    const scene = await newRuntime()
    const token = await forge.token('robot')
    await admin.addRuntimeToken(scene.row, token)
    await forge.control('POST', '/control/tokens/revoke', { sha1: token })
    await using events = await admin.events()
    await scene.vault.reportCredential({
      body: { as_runtime: true, protocol: 'http', host } as const,
    })
    await events.until(async () =>
      (await scene.token())?.status === 'rejected' ? true : undefined,
    )
  })

  test('that was deleted is in no credential any more, and the page is named', async () => {
    const scene = await newRuntime()
    await admin.addRuntimeToken(scene.row, await forge.token('robot'))
    await scene.asItself()
    await admin.api.deleteRuntimeToken({ params: scene.row })
    const problem = await refusal(scene.asItself(), 'runtime-token-missing')
    assert.ok(problem.detail.endsWith(`at ${scene.page}`), problem.detail)
    assert.equal(problem.extensions.page, scene.page)
    const denied = await lastAudit('credential.issue')
    assert.deepEqual([denied?.outcome, denied?.reason], ['denied', 'runtime-token-missing'])
    const refused = await push(scene, 'two')
    assert.equal(refused.code, 3)
    assert.match(refused.stderr, /has no token of its own for http/)
    assert.ok(refused.stderr.includes(`${page_url}/admin/runtimes/${scene.runtime.id}`))
    await refusal(admin.api.deleteRuntimeToken({ params: scene.row }), 'not-found')
  })

  test('goes with the runtime, and with the Git host of a runtime', async () => {
    const [first, second] = [await newRuntime(), await newRuntime()]
    for (const { row } of [first, second]) {
      await admin.addRuntimeToken(row, await forge.token('robot'))
    }
    await admin.api.updateRuntime({ params: { id: first.runtime.id }, body: { provider_ids: [] } })
    assert.equal(await rowsOf('connections', first.runtime.id), 0)
    await refusal(first.asItself(), 'host-not-registered')
    await admin.api.deleteRuntime({ params: { id: second.runtime.id } })
    assert.equal(await rowsOf('connections', second.runtime.id), 0)
  })
})

suite('an authorization with OAuth2', () => {
  test('pushes as the robot, is refreshed, and asks about another account', async () => {
    const scene = await newRuntime()
    const { row } = scene
    await refusal(beginRuntimeOAuth(admin, row), 'client-not-registered')
    const token = await forge.token('robot', ['all'])
    await registerClient(admin, { url: forge.url, token }, row)
    const done = await authorizeWithOAuth(admin, row, ROBOT, beginRuntimeOAuth)
    assert.equal(done.status, 'completed', done.problem?.detail)
    const connection = await scene.token()
    assert.deepEqual([connection?.method, connection?.account.login], ['oauth', 'robot'])
    const pushed = await push(scene, 'three')
    assert.equal(pushed.code, 0, pushed.stderr)

    const before = (await scene.asItself()).password
    await forge.control('DELETE', '/control/calls')
    await sql`update connections set version = version + 1, access_expires_at = now(),
      refresh_due_at = null where runtime_id = ${row.runtime_id}`.execute(database.db)
    assert.notEqual((await scene.asItself()).password, before)
    assert.equal(await forge.calls(TOKEN_ENDPOINT), 1)
    const again = await push(scene, 'four')
    assert.equal(again.code, 0, again.stderr)

    const asked = await authorizeWithOAuth(admin, row, OTHER, beginRuntimeOAuth)
    assert.deepEqual(
      [asked.status, asked.account_before, asked.account_after],
      ['account_changed', 'robot', 'other-robot'],
    )
    assert.equal((await scene.asItself()).account.login, 'robot')
    await using events = await admin.events()
    await admin.api.confirmAuthorizationRequest({ params: { id: asked.id } })
    await events.until(async () =>
      (await scene.token())?.account.login === 'other-robot' ? true : undefined,
    )
    assert.equal((await scene.asItself()).account.login, 'other-robot')

    const pasted = await admin.addRuntimeToken(row, await forge.token('robot'))
    assert.equal(pasted.status, 'accepted')
    assert.equal((await scene.token())?.method, 'token')
    const back = await authorizeWithOAuth(admin, row, ROBOT, beginRuntimeOAuth)
    assert.equal(back.status, 'completed')
    assert.equal((await scene.token())?.method, 'oauth')
  })

  test('or a token: the robot has either, however people authorize the runtime', async () => {
    const { row, token, runtime } = await newRuntime()
    const app = { url: forge.url, token: await forge.token('robot', ['all']) }
    await registerClient(admin, app, row)
    const set = (body: Parameters<typeof admin.api.updateRuntimeProvider>[0]['body']) =>
      admin.api.updateRuntimeProvider({ params: row, body })
    const offered = async () => {
      const { oauth, token_allowed } = await admin.api.getRuntimeToken({ params: row })
      return { oauth, token_allowed }
    }
    await set({ auth_mode: 'token' })
    assert.deepEqual(await offered(), { oauth: 'ready', token_allowed: true })
    assert.equal((await admin.access(runtime.id)).oauth, 'not_offered')
    const done = await authorizeWithOAuth(admin, row, ROBOT, beginRuntimeOAuth)
    assert.equal(done.status, 'completed', done.problem?.detail)
    assert.equal((await token())?.method, 'oauth')

    await set({ auth_mode: 'default_client', token_allowed: false })
    assert.deepEqual(await offered(), { oauth: 'ready', token_allowed: true })
    const pasted = await admin.addRuntimeToken(row, await forge.token('robot'))
    assert.equal(pasted.status, 'accepted', pasted.problem?.detail)
    assert.equal((await token())?.method, 'token')

    // An app of the runtime's own goes before the default one, whichever people have.
    const place = { provider_id: row.provider_id, runtime_id: row.runtime_id }
    const form = await admin.api.getClientForm({ query: place })
    const own = { client_id: 'own-app', client_secret: 'own-secret' }
    await admin.api.putClient({ body: { id: form.id, ...place, ...own } })
    const { authorization_url } = await beginRuntimeOAuth(admin, row)
    assert.equal(new URL(authorization_url).searchParams.get('client_id'), 'own-app')
  })

  test('asks for the scopes of a runtime, and is revoked at the host when it is over', async () => {
    const gitlab = await startGitlab()
    await using _gitlab = { [Symbol.asyncDispose]: () => gitlab.close() }
    const { api } = admin
    const body = { kind: 'gitlab', base_url: gitlab.url, private_address_confirmed: true } as const
    const host = await api.createProvider({ body: { ...body, name: 'GitLab' } })
    const { runtime } = await api.createRuntime({
      body: { name: 'on-gitlab', provider_ids: [host.id] },
    })
    const row = { runtime_id: runtime.id, provider_id: host.id }
    const detail = await api.getRuntimeToken({ params: row })
    assert.deepEqual(
      detail.required_scopes.map(({ scope }) => scope),
      ['api'],
    )
    assert.match(detail.token_page.url, /scopes=api$/)

    // What does for a person is too little for a runtime.
    const scopes = ['read_api', 'write_repository']
    const little = gitlab.makeToken('carol', { kind: 'personal', scopes })
    const narrow = await admin.addRuntimeToken(row, little)
    assert.equal(narrow.status, 'refused')
    assert.deepEqual(narrow.problem?.missing_scopes, ['api'])
    assert.equal((await admin.addToken(row, little)).status, 'accepted')
    const enough = gitlab.makeToken('carol', { kind: 'personal', scopes: ['api'] })
    assert.equal((await admin.addRuntimeToken(row, enough)).status, 'accepted')

    const form = await api.getClientForm({ query: { provider_id: host.id } })
    const client = gitlab.oauth.registerClient(form.callback_url)
    const { client_id, client_secret } = client
    await api.putClient({
      body: { id: form.id, provider_id: host.id, client_id, client_secret },
    })
    await api.updateRuntimeProvider({ params: row, body: { auth_mode: 'default_client' } })
    gitlab.oauth.signIn('carol')
    const { request, authorization_url } = await beginRuntimeOAuth(admin, row)
    assert.equal(new URL(authorization_url).searchParams.get('scope'), 'api')
    const there = await fetch(authorization_url, { redirect: 'manual' })
    const callback = there.headers.get('location') ?? ''
    await using events = await admin.events()
    const here = await fetch(callback, { headers: { cookie: admin.cookie }, redirect: 'manual' })
    assert.equal(
      new URL(here.headers.get('location') ?? '', page_url).pathname,
      `/admin/runtimes/${runtime.id}/token/${host.id}`,
    )
    const done = await events.until(async () => {
      const now = await api.getAuthorizationRequest({ params: { id: request.id } })
      return now.status === 'exchanging' ? undefined : now
    })
    assert.equal(done.status, 'completed', done.problem?.detail)
    await api.deleteRuntime({ params: { id: runtime.id } })
    const owner_id = runtime.id
    const unrevoked = async () =>
      (await rowsOf('connections', owner_id)) + (await rowsOf('revocations', owner_id))
    await until('the revocation of the grant', async () => (await unrevoked()) === 0)
    assert.ok(gitlab.calls.includes('POST /oauth/revoke'))
  })
})

suite('who may do what', () => {
  test('a member may do nothing of it, and that is written down', async () => {
    const { row, runtime } = await newRuntime()
    await admin.addRuntimeToken(row, await forge.token('robot'))
    const { api } = member
    const candidate = { id: randomUUID(), ...row, token: await forge.token('robot') }
    for (const call of [
      () => api.listRuntimeTokens({ params: { id: runtime.id } }),
      () => api.getRuntimeToken({ params: row }),
      () => api.createRuntimeCandidate({ body: candidate }),
      () => api.checkRuntimeToken({ params: row }),
      () => api.deleteRuntimeToken({ params: row }),
    ]) {
      assert.equal((await refusal(call(), 'not-an-administrator')).status, 403)
    }
    const { items } = await admin.api.listAudit({ query: { q: '/tokens/' } })
    const entry = items.find(({ outcome }) => outcome === 'denied')
    assert.deepEqual(
      [entry?.actor.name, entry?.reason],
      ['bob@example.com', 'not-an-administrator'],
    )
  })

  test('who is no administrator any more finishes nothing', async () => {
    const scene = await newRuntime()
    const { row } = scene
    const eve = await countersign.person('eve')
    const role = (role: 'admin' | 'member') =>
      admin.api.updatePerson({ params: { id: eve.person.id }, body: { role } })
    await role('admin')
    await registerClient(admin, { url: forge.url, token: await forge.token('robot', ['all']) }, row)
    await authorizeWithOAuth(eve, row, ROBOT, beginRuntimeOAuth)
    const asked = await authorizeWithOAuth(eve, row, OTHER, beginRuntimeOAuth)
    assert.equal(asked.status, 'account_changed')
    const { request, authorization_url } = await beginRuntimeOAuth(eve, row)
    const callback = await answerAtForge(authorization_url, ROBOT)
    await role('member')
    const there = await comeBack(callback, eve.cookie)
    assert.equal(there.searchParams.get('problem'), 'not-an-administrator')
    const { status } = await eve.api.getAuthorizationRequest({ params: { id: request.id } })
    assert.equal(status, 'pending', 'it was not begun to be exchanged')
    await refusal(
      eve.api.confirmAuthorizationRequest({ params: { id: asked.id } }),
      'not-an-administrator',
    )
    assert.equal((await scene.asItself()).account.login, 'robot')
  })

  test('nor what was begun before, and ends after', async () => {
    const scene = await newRuntime()
    const { row } = scene
    const mallory = await countersign.person('mallory')
    const role = (role: 'admin' | 'member') =>
      admin.api.updatePerson({ params: { id: mallory.person.id }, body: { role } })
    await registerClient(admin, { url: forge.url, token: await forge.token('robot', ['all']) }, row)
    const begun = {
      pasted: async () => mallory.addRuntimeToken(row, await forge.token('robot')),
      granted: () => authorizeWithOAuth(mallory, row, ROBOT, beginRuntimeOAuth),
    }
    for (const begin of Object.values(begun)) {
      await role('admin')
      const held = await forge.hold('/api/v1/user')
      const ending = begin()
      await held.asked()
      await role('member')
      await held.release()
      const { status, problem } = await ending
      assert.equal(status, 'refused')
      assert.equal(problem?.type, problemUri('not-an-administrator'))
    }
    await refusal(scene.asItself(), 'runtime-token-missing')
  })

  test('a credential is for exactly one: a person, or the runtime itself', async () => {
    const { key, row } = await newRuntime()
    await admin.addRuntimeToken(row, await forge.token('robot'))
    await admin.addToken(row, await forge.token('alice'))
    const target = { protocol: 'http', host }
    for (const who of [
      {},
      { person: 'ada@example.com', as_runtime: true },
      { as_runtime: false },
      { person: '', as_runtime: true },
      { person: 'ada@example.com', as_runtime: false },
    ]) {
      for (const path of ['/api/v1/credential', '/api/v1/credential/report']) {
        const answer = await fetch(countersign.vault_url + path, {
          method: 'POST',
          headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
          body: JSON.stringify({ ...who, ...target }),
        })
        assert.equal(answer.status, 400, `${path} ${JSON.stringify(who)}`)
        assert.doesNotMatch(await answer.text(), /password/)
      }
    }
    for (const flags of [['--as', 'ada@example.com', '--as-runtime'], []]) {
      const env = installation(countersign.vault_url, { COUNTERSIGN_RUNTIME_KEY: key })
      const ended = await runCountersign(['run', ...flags, '--', 'true'], env)
      assert.equal(ended.code, 2)
      assert.match(ended.stderr, /--as EMAIL/)
    }
  })

  test("a person's authorization is none of the runtime's, and the other way round", async () => {
    const [robotOnly, personOnly] = [await newRuntime(), await newRuntime()]
    const token = await forge.token('robot')
    await admin.addRuntimeToken(robotOnly.row, token)
    await admin.addToken(personOnly.row, await forge.token('alice'))
    await refusal(robotOnly.asAda(), 'authorization-missing')
    await refusal(personOnly.asItself(), 'runtime-token-missing')
    assert.equal((await admin.access(robotOnly.runtime.id)).authorization, null)
    // Not even the very same token makes one of the other.
    await admin.addToken(robotOnly.row, token)
    const { authorization } = await admin.access(robotOnly.runtime.id)
    assert.notEqual(authorization?.connection.id, (await robotOnly.token())?.id)
    await admin.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
    assert.equal((await robotOnly.asItself()).password, token)
    const connection_id = (await robotOnly.token())?.id ?? ''
    const borrowed = admin.api.createAuthorization({ body: { ...robotOnly.row, connection_id } })
    await refusal(borrowed, 'not-found')
    const { reusable_connections } = await admin.api.getAccess({ params: robotOnly.row })
    assert.ok(reusable_connections.every(({ account }) => account.login !== 'robot'))
  })

  test('only administrators hear of it', async () => {
    const { row } = await newRuntime()
    await using theirs = await member.events()
    await using ours = await admin.events()
    await admin.addRuntimeToken(row, await forge.token('robot'))
    await ours.until(async () => (ours.seen.includes('runtime_token') ? true : undefined))
    await admin.api.updateRuntime({ params: { id: row.runtime_id }, body: { description: 'x' } })
    await theirs.until(async () => (theirs.seen.includes('runtimes') ? true : undefined))
    assert.ok(!theirs.seen.includes('runtime_token'))
  })
})
