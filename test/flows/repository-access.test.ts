import assert from 'node:assert/strict'
import { after, afterEach, before, suite, test } from 'node:test'
import type { ActsFor, RepositoryAccess } from '../../src/contract/index.ts'
import { newRuntimeKey } from '../../src/runtimes/runtime-key.ts'
import { countersign as command, installation } from '../cli/countersign.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import { endAccess, endGrant } from '../harness/granted.ts'
import { authorizeWithOAuth, registerClient } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { startGithub } from '../standins/github/github.ts'

/** May this person read or write this repository? Asked by a runtime, of the Git host. */
const countersign: Countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, forge, provider, vault_url, database } = countersign
const ALL = { visible: true, read: true, write: true, sign_on_page: null }
const NONE = { visible: false, read: false, write: false, sign_on_page: null }

type Runtime = Awaited<ReturnType<typeof runtimeWith>>

async function runtimeWith(token?: string) {
  const { runtime, key } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  if (token !== undefined) assert.equal((await admin.addToken(row, token)).status, 'accepted')
  return { row, key, vault: runtimeClient(vault_url, key) }
}

function ask(
  { vault }: Runtime,
  path: string,
  url = forge.url,
  acts_for: ActsFor = { person: admin.person.email },
): Promise<RepositoryAccess> {
  const { protocol, host } = new URL(url)
  return vault.readRepositoryAccess({
    body: { ...acts_for, protocol: protocol === 'https:' ? 'https' : 'http', host, path },
  })
}

async function audited(runtime_id: string) {
  return await database.db
    .selectFrom('audit')
    .select(['outcome', 'subject', 'reason', 'actor_kind'])
    .where('action', '=', 'repository.access')
    .where('runtime_id', '=', runtime_id)
    .orderBy('id')
    .execute()
}

suite('with a pasted token', () => {
  let runtime: Runtime
  before(async () => {
    runtime = await runtimeWith(await forge.token('alice'))
  })
  afterEach(() => forge.control('DELETE', '/control/faults'))

  test('what the person may do is told, and the use is in the audit trail', async () => {
    assert.deepEqual(await ask(runtime, 'alice/hello.git'), ALL)
    assert.deepEqual(await ask(runtime, 'alice/no-such-repository.git'), NONE)
    const rows = await audited(runtime.row.runtime_id)
    assert.deepEqual(
      rows.map(({ outcome, subject, actor_kind }) => [outcome, subject, actor_kind]),
      ['alice/hello.git', 'alice/no-such-repository.git'].map((path) => [
        'allowed',
        `${forge.url}/${path} as ${admin.person.email}`,
        'runtime',
      ]),
    )
  })

  test('somebody else’s public repository may be read and not written', async () => {
    const bob = await runtimeWith(await forge.token('bob'))
    const { read, write } = await ask(bob, 'alice/hello.git')
    assert.deepEqual([read, write], [true, false])
  })

  test('what is no path of a repository is turned away, and no use of the token', async () => {
    const before = await audited(runtime.row.runtime_id)
    for (const path of ['hello.git', 'alice/../../admin', '..%2f..%2fadmin']) {
      const problem = await refusal(ask(runtime, path), 'request-invalid')
      assert.match(problem.detail, /is not the path of a repository/)
    }
    assert.deepEqual(await audited(runtime.row.runtime_id), before)
    const bob = await countersign.person('bob')
    const acts_for = { person: bob.person.email }
    await refusal(ask(runtime, 'hello.git', forge.url, acts_for), 'authorization-missing')
    const [denied, ...more] = (await audited(runtime.row.runtime_id)).slice(before.length)
    assert.deepEqual([denied?.outcome, denied?.reason], ['denied', 'authorization-missing'])
    assert.deepEqual(more, [])
  })

  test('a host in trouble makes no token bad', async () => {
    await forge.control('POST', '/control/faults', { kind: 'status', status: 429, retry_after: 9 })
    const problem = await refusal(ask(runtime, 'alice/hello.git'), 'provider-unavailable')
    assert.equal(problem.extensions.retry_after, 9)
    await forge.control('DELETE', '/control/faults')
    assert.deepEqual(await ask(runtime, 'alice/hello.git'), ALL)
    const { authorization } = await admin.access(runtime.row.runtime_id)
    assert.equal(authorization?.connection.status, 'valid')
  })

  test('a token that the host refuses is checked, and the refusal told', async () => {
    const token = await forge.token('alice')
    const own = await runtimeWith(token)
    await forge.control('POST', '/control/tokens/revoke', { sha1: token })
    await using events = await admin.events()
    const problem = await refusal(ask(own, 'alice/hello.git'), 'credential-rejected')
    assert.match(problem.extensions.page ?? '', /\/tokens/)
    await events.until(async () => {
      const { authorization } = await admin.access(own.row.runtime_id)
      return authorization?.connection.status === 'rejected' ? true : undefined
    })
  })
})

suite('who may not ask', () => {
  test('a runtime without a person’s word learns nothing, and the denial is audited', async () => {
    const runtime = await runtimeWith()
    const calls = await forge.calls('/api/v1/repos/alice/hello')
    await refusal(ask(runtime, 'alice/hello.git'), 'authorization-missing')
    await refusal(ask(runtime, 'alice/hello.git', 'http://other.invalid'), 'host-not-registered')
    assert.equal(await forge.calls('/api/v1/repos/alice/hello'), calls)
    const rows = await audited(runtime.row.runtime_id)
    assert.deepEqual(
      rows.map(({ outcome, reason }) => [outcome, reason]),
      [
        ['denied', 'authorization-missing'],
        ['denied', 'host-not-registered'],
      ],
    )
  })

  test('nor does one with a wrong key, or after the word was taken back', async () => {
    const runtime = await runtimeWith(await forge.token('alice'))
    const stranger = runtimeClient(vault_url, newRuntimeKey())
    await refusal(ask({ ...runtime, vault: stranger }, 'alice/hello.git'), 'runtime-key-invalid')
    assert.deepEqual(await ask(runtime, 'alice/hello.git'), ALL)
    const { authorization } = await admin.access(runtime.row.runtime_id)
    await admin.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
    await refusal(ask(runtime, 'alice/hello.git'), 'authorization-missing')
  })
})

suite('for the runtime itself', () => {
  const askForItself = (runtime: Runtime, path: string) =>
    ask(runtime, path, forge.url, { as_runtime: true })

  test('its own token counts, and nobody else’s', async () => {
    const runtime = await runtimeWith(await forge.token('alice'))
    await refusal(askForItself(runtime, 'alice/hello.git'), 'runtime-token-missing')
    await admin.addRuntimeToken(runtime.row, await forge.token('bob'))
    const { read, write } = await askForItself(runtime, 'alice/hello.git')
    assert.deepEqual([read, write], [true, false])
    const rows = await audited(runtime.row.runtime_id)
    assert.deepEqual(
      rows.map(({ outcome, subject, reason }) => [outcome, subject, reason]),
      [
        ['denied', `${forge.url}/alice/hello.git as the runtime itself`, 'runtime-token-missing'],
        ['allowed', `${forge.url}/alice/hello.git as the runtime itself`, null],
      ],
    )
  })

  test('a refusal leads to the page of the runtime', async () => {
    const runtime = await runtimeWith()
    const token = await forge.token('bob')
    await admin.addRuntimeToken(runtime.row, token)
    await forge.control('POST', '/control/tokens/revoke', { sha1: token })
    const problem = await refusal(askForItself(runtime, 'alice/hello.git'), 'credential-rejected')
    assert.match(problem.detail, /token of runtime \S+ itself\. It is being checked/)
    const page = `${countersign.page_url}/admin/runtimes/${runtime.row.runtime_id}`
    assert.equal(problem.extensions.page, page)
  })
})

test('a grant whose access token is refused is refreshed, and asked with again', async () => {
  const runtime = await runtimeWith()
  await registerClient(
    admin,
    { url: forge.url, token: await forge.token('alice', ['all']) },
    runtime.row,
  )
  const done = await authorizeWithOAuth(admin, runtime.row, {
    login: 'alice',
    password: 'alice-demo',
  })
  assert.equal(done.status, 'completed', JSON.stringify(done.problem))
  assert.deepEqual(await ask(runtime, 'alice/hello.git'), ALL)
  const { protocol, host } = new URL(forge.url)
  const { password: sha1 } = await runtime.vault.issueCredential({
    body: { person: admin.person.email, protocol: protocol === 'https:' ? 'https' : 'http', host },
  })
  await forge.control('POST', '/control/tokens/revoke', { sha1 })
  const before = await forge.calls('/login/oauth/access_token')
  assert.deepEqual(await ask(runtime, 'alice/hello.git'), ALL)
  assert.equal(await forge.calls('/login/oauth/access_token'), before + 1)
  const asked = await audited(runtime.row.runtime_id)
  assert.equal(asked.length, 3, 'each use is written down, also the second after a refresh')

  // The grant ends: the refresh says so, and the denial is one of access.
  await endGrant(countersign)
  await endAccess(countersign)
  await refusal(ask(runtime, 'alice/hello.git'), 'reauthorization-required')
  const { outcome, reason } = (await audited(runtime.row.runtime_id)).at(-1) ?? {}
  assert.deepEqual([outcome, reason], ['denied', 'reauthorization-required'])
})

suite('single sign-on', () => {
  test('the page that lets the token through is told', async () => {
    const github = await startGithub()
    try {
      const { id } = await admin.api.createProvider({
        body: {
          kind: 'github',
          name: 'GitHub',
          base_url: github.url,
          private_address_confirmed: true,
        },
      })
      const { runtime, key } = await admin.api.createRuntime({
        body: { name: 'behind-sign-on', provider_ids: [id] },
      })
      const row = { runtime_id: runtime.id, provider_id: id }
      const token = github.makeToken('carol', { kind: 'classic', scopes: ['repo'] })
      assert.equal((await admin.addToken(row, token)).status, 'accepted')
      const asking = { row, key, vault: runtimeClient(vault_url, key) }
      assert.deepEqual(await ask(asking, 'carol/secret.git', github.url), ALL)
      for (const repository of github.repositories) repository.sso = true
      const access = await ask(asking, 'carol/secret.git', github.url)
      assert.equal(access.write, false)
      assert.match(access.sign_on_page ?? '', /\/orgs\/carol\/sso\?authorization_request=/)
    } finally {
      await github.close()
    }
  })
})

suite('countersign access', () => {
  let runtime: Runtime
  before(async () => {
    runtime = await runtimeWith(await forge.token('alice'))
  })
  const run = (...args: string[]) => runFor(['--as', admin.person.email], ...args)
  const runFor = (who: string[], ...args: string[]) =>
    command(
      ['access', ...who, ...args],
      installation(vault_url, { COUNTERSIGN_RUNTIME_KEY: runtime.key }),
    )

  test('says it in a sentence', async () => {
    const url = `${forge.url}/alice/hello.git`
    const { code, stdout, stderr } = await run(url)
    assert.deepEqual([code, stderr], [0, ''])
    assert.equal(stdout, `${admin.person.email} may read and write ${url}\n`)
    const none = await run(`${forge.url}/alice/nothing.git`)
    assert.match(none.stdout, /sees no repository at/)
  })

  test('or as JSON', async () => {
    const { code, stdout } = await run('--json', `${forge.url}/alice/hello.git`)
    assert.equal(code, 0)
    assert.deepEqual(JSON.parse(stdout), ALL)
  })

  test('for the runtime itself, too', async () => {
    const url = `${forge.url}/alice/hello.git`
    const none = await runFor(['--as-runtime'], url)
    assert.equal(none.code, 3)
    assert.match(none.stderr, /has no token of its own/)
    await admin.addRuntimeToken(runtime.row, await forge.token('bob'))
    const { code, stdout } = await runFor(['--as-runtime'], url)
    assert.equal(code, 0)
    assert.equal(stdout, `The runtime itself may read, but not write, ${url}\n`)
  })

  test('a refusal is one line, with exit code 3', async () => {
    const { code, stdout, stderr } = await run('https://other.invalid/a/b.git')
    assert.deepEqual([code, stdout], [3, ''])
    assert.match(stderr, /^countersign: .* does not use other\.invalid.*\n$/)
  })
})
