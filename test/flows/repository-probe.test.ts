import assert from 'node:assert/strict'
import { after, afterEach, before, suite, test } from 'node:test'
import type { Provider } from '../../src/contract/index.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { beginOAuth, comeBack } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { startGithub } from '../standins/github/github.ts'

/** Tokens that do not show their scopes are tried on the repository that an administrator named. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, vault_url } = countersign
const github = await startGithub()
after(() => github.close())
let provider: Provider
before(async () => {
  provider = await admin.api.createProvider({
    body: {
      kind: 'github',
      name: 'GitHub',
      base_url: github.url,
      private_address_confirmed: true,
    },
  })
})
afterEach(() => {
  github.interruption = undefined
  github.interruptionFor = undefined
  github.holdBack = undefined
  for (const repository of github.repositories) repository.sso = false
})

const fineGrained = (...scopes: string[]) =>
  github.makeToken('carol', { kind: 'fine_grained', scopes })

let runtimes = 0
async function runtimeTrying(probe_repository: string | null, skip_validation = false) {
  runtimes += 1
  const { runtime, key } = await admin.api.createRuntime({
    body: { name: `probe-${runtimes}`, provider_ids: [provider.id] },
  })
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const settings = await admin.api.updateRuntimeProvider({
    params: row,
    body: { probe_repository, skip_validation },
  })
  assert.equal(settings.probe_repository, probe_repository)
  const vault = runtimeClient(vault_url, key)
  const { host } = new URL(github.url)
  const request = { person: 'ada@example.com', protocol: 'http', host } as const
  return {
    row,
    connection: async () => (await admin.access(row.runtime_id)).authorization?.connection,
    credential: () => vault.issueCredential({ body: request }),
    ownCredential: () =>
      vault.issueCredential({ body: { as_runtime: true, protocol: 'http', host } as const }),
  }
}

suite('a token is handed in', () => {
  test('one that may read and write the repository is valid, and says what proved it', async () => {
    const { row, connection, credential } = await runtimeTrying('carol/secret')
    const token = fineGrained('contents:write')
    assert.equal((await admin.addToken(row, token)).status, 'accepted')
    const { status, reason, probed_repository } = (await connection()) ?? {}
    assert.equal(status, 'valid')
    assert.equal(probed_repository, 'carol/secret')
    assert.match(reason ?? '', /Proved by carol\/secret/)
    assert.equal((await credential()).password, token)
    const detail = await admin.api.getAccess({ params: row })
    assert.equal(detail.probe_repository, 'carol/secret')
  })

  test('a machine of the host that does not know it yet is not believed at once', async () => {
    const { row } = await runtimeTrying('carol/secret')
    let asked = 0
    github.interruptionFor = (path) => {
      if (!path.endsWith('/info/refs')) return undefined
      asked += 1
      return asked === 1 ? { status: 401 } : undefined
    }
    assert.equal((await admin.addToken(row, fineGrained('contents:write'))).status, 'accepted')
  })

  for (const [scopes, owner, says] of [
    [['contents:read'], 'carol', /may read carol\/secret but not write to it/],
    [[], 'carol', /sees carol\/secret but may not read or write/],
    [['contents:write'], 'dave', /does not reach carol\/secret/],
  ] as const) {
    test(`one of ${owner} with ${scopes[0] ?? 'nothing'} is refused, and the repository named`, async () => {
      // Accepting the uninspected is no way around a repository that said no.
      const { row, connection } = await runtimeTrying('carol/secret', true)
      const token = github.makeToken(owner, { kind: 'fine_grained', scopes })
      const { status, problem } = await admin.addToken(row, token)
      assert.equal(status, 'refused')
      assert.equal(problem?.type, 'urn:countersign:problem:token-probe-failed')
      assert.match(problem?.detail ?? '', says)
      assert.equal(await connection(), undefined)
    })
  }

  test('a limit on the way is no refusal', async () => {
    const { row, connection } = await runtimeTrying('carol/secret')
    const token = fineGrained('contents:write')
    github.interruptionFor = (path) =>
      path.startsWith('/api/v3/repos/')
        ? {
            status: 403,
            body: { message: 'You have exceeded a secondary rate limit.' },
          }
        : undefined
    const { status, problem } = await admin.addToken(row, token)
    github.interruptionFor = undefined
    assert.equal(status, 'not_checked')
    assert.equal(problem?.type, 'urn:countersign:problem:provider-unavailable')
    assert.equal(problem?.retry_after, 60)
    assert.equal(await connection(), undefined)
  })

  test('single sign-on is named, with the page for it', async () => {
    const { row } = await runtimeTrying('carol/secret')
    for (const repository of github.repositories) repository.sso = true
    const { status, problem } = await admin.addToken(row, fineGrained('contents:write'))
    assert.equal(status, 'refused')
    assert.equal(problem?.type, 'urn:countersign:problem:sign-on-required')
    assert.match(problem?.page ?? '', /\/orgs\/carol\/sso\?authorization_request=/)
    assert.ok(problem?.detail.includes(problem.page ?? ' '))
  })

  test('without a repository it is taken unseen or not at all, and the sentence says how', async () => {
    const strict = await runtimeTrying(null)
    const { problem } = await admin.addToken(strict.row, fineGrained('contents:write'))
    assert.equal(problem?.type, 'urn:countersign:problem:token-scopes-hidden')
    assert.match(problem?.detail ?? '', /name a repository to try such tokens on/)
    const lenient = await runtimeTrying(null, true)
    assert.equal((await admin.addToken(lenient.row, fineGrained())).status, 'accepted')
    assert.equal((await lenient.connection())?.status, 'unverified')
  })

  test('one that shows its scopes is not tried', async () => {
    const { row, connection } = await runtimeTrying('carol/no-such-repository')
    const before = github.calls.length
    const token = github.makeToken('carol', { kind: 'classic', scopes: ['repo'] })
    assert.equal((await admin.addToken(row, token)).status, 'accepted')
    assert.equal((await connection())?.status, 'valid')
    assert.ok(github.calls.slice(before).every((call) => !call.includes('/repos/')))
  })
})

suite('a token is checked later', () => {
  test('what the repository says then counts, and no credential leaves against it', async () => {
    const { row, connection, credential } = await runtimeTrying('carol/secret')
    const token = fineGrained('contents:write')
    await admin.addToken(row, token)
    assert.equal((await credential()).password, token)
    const stored = github.token(token)
    assert.ok(stored)
    stored.scopes = ['contents:read']
    assert.equal((await admin.checkNow(row.runtime_id)).status, 'insufficient_scopes')
    assert.match((await connection())?.reason ?? '', /may read carol\/secret but not write/)
    const problem = await refusal(credential(), 'credential-scopes-missing')
    assert.match(problem.detail, /may read carol\/secret but not write to it\. Update it at http/)
    stored.scopes = ['contents:write']
    assert.equal((await admin.checkNow(row.runtime_id)).status, 'valid')
    assert.equal((await credential()).password, token)
  })

  test('a limit or single sign-on leaves it as it was, and says so beside it', async () => {
    const { row, connection, credential } = await runtimeTrying('carol/secret')
    const token = fineGrained('contents:write')
    await admin.addToken(row, token)
    github.interruptionFor = (path) =>
      path.startsWith('/api/v3/repos/') ? { status: 429, body: 'Slow down' } : undefined
    assert.equal((await admin.checkNow(row.runtime_id)).status, 'valid')
    github.interruptionFor = undefined
    assert.match((await connection())?.check_failed?.reason ?? '', /asks us to wait/)
    for (const repository of github.repositories) repository.sso = true
    assert.equal((await admin.checkNow(row.runtime_id)).status, 'valid')
    const { check_failed } = (await connection()) ?? {}
    assert.match(check_failed?.reason ?? '', /single sign-on.*\/orgs\/carol\/sso/)
    assert.equal((await credential()).password, token)
  })
})

for (const status of [401, 403, 404]) {
  test(`a page with ${status} in the place of Git's own server leaves a token as it was`, async () => {
    const { row, connection, credential } = await runtimeTrying('carol/secret')
    const token = fineGrained('contents:write')
    await admin.addToken(row, token)
    github.interruptionFor = (path) =>
      path.endsWith('/info/refs') ? { status, body: '<html>We will be back soon' } : undefined
    assert.equal((await admin.checkNow(row.runtime_id)).status, 'valid')
    const { check_failed } = (await connection()) ?? {}
    assert.match(check_failed?.reason ?? '', /did not answer as a Git server does/)
    assert.equal((await credential()).password, token)
  })
}

suite('several runtimes', () => {
  test('each has the token tried on its own repository, and one that fails harms no other', async () => {
    const good = await runtimeTrying('carol/secret')
    const token = fineGrained('contents:write')
    await admin.addToken(good.row, token)
    const other = await runtimeTrying('carol/no-such-repository')
    await using events = await admin.events()
    const connection_id = (await good.connection())?.id ?? ''
    await admin.api.createAuthorization({ body: { ...other.row, connection_id } })
    await events.until(async () =>
      (await other.connection())?.status === 'insufficient_scopes' ? true : undefined,
    )
    await refusal(other.credential(), 'credential-scopes-missing')
    assert.equal((await good.connection())?.status, 'valid')
    assert.equal((await good.credential()).password, token)
  })

  test('one that hides its scopes gets nowhere unproved by way of another runtime', async () => {
    const lenient = await runtimeTrying(null, true)
    assert.equal((await admin.addToken(lenient.row, fineGrained())).status, 'accepted')
    const connection_id = (await lenient.connection())?.id ?? ''
    const strict = await runtimeTrying(null)
    const body = { ...strict.row, connection_id }
    const { detail } = await refusal(admin.api.createAuthorization({ body }), 'token-scopes-hidden')
    assert.match(detail, /name a repository to try such tokens on/)
    const offered = async ({ row: params }: typeof strict) =>
      (await admin.api.getAccess({ params })).reusable_connections.map(({ id }) => id)
    assert.ok(!(await offered(strict)).includes(connection_id))
    const second = await runtimeTrying(null, true)
    assert.ok((await offered(second)).includes(connection_id))
    await admin.api.createAuthorization({ body: { ...second.row, connection_id } })
    assert.ok((await second.credential()).password)
  })

  test('a runtime with a repository waits for what that says, however long it takes', async () => {
    const lenient = await runtimeTrying(null, true)
    const token = fineGrained('contents:write')
    await admin.addToken(lenient.row, token)
    const connection_id = (await lenient.connection())?.id ?? ''
    const strict = await runtimeTrying('carol/secret')
    github.interruptionFor = (path) =>
      path.startsWith('/api/v3/repos/') ? { status: 429, body: 'Slow down' } : undefined
    const body = { ...strict.row, connection_id }
    await using events = await admin.events()
    const begun = await admin.api.createAuthorization({ body })
    assert.equal(begun.authorization?.connection.status, 'checking')
    const { reason, check_failed, probed_repository } = await events.until(async () => {
      const now = await strict.connection()
      return now?.status === 'checking' ? undefined : now
    })
    assert.match(reason, /has not been tried on carol\/secret yet/)
    assert.match(check_failed?.reason ?? '', /asks us to wait/)
    assert.equal(probed_repository, null)
    const problem = await refusal(strict.credential(), 'credential-scopes-missing')
    assert.match(problem.detail, /has not been tried on carol\/secret yet/)
    assert.equal((await lenient.credential()).password, token)
    const { authorization } = await admin.access(strict.row.runtime_id)
    assert.equal(authorization?.notice, null)
    github.interruptionFor = undefined
    assert.equal((await admin.checkNow(strict.row.runtime_id)).status, 'valid')
    assert.equal((await strict.credential()).password, token)
    const same = await runtimeTrying('carol/secret')
    await admin.api.createAuthorization({ body: { ...same.row, connection_id } })
    assert.equal((await same.credential()).password, token)
  })

  test('a new one that hides its scopes reaches those that take it, and the others keep theirs', async () => {
    const first = await runtimeTrying(null, true)
    const shown = github.makeToken('carol', { kind: 'classic', scopes: ['repo'] })
    await admin.addToken(first.row, shown)
    const connection_id = (await first.connection())?.id ?? ''
    const lenient = await runtimeTrying(null, true)
    const strict = await runtimeTrying(null)
    const proved = await runtimeTrying('carol/secret')
    const refused = await runtimeTrying('carol/no-such-repository')
    const others = [lenient, strict, proved, refused]
    for (const { row } of others) {
      await admin.api.createAuthorization({ body: { ...row, connection_id } })
    }
    const hiding = fineGrained('contents:write')
    const { status, notes } = await admin.addToken(first.row, hiding)
    assert.equal(status, 'accepted')
    assert.deepEqual(
      notes.filter((note) => note.includes('keeps the token it has')).length,
      2,
      notes.join(),
    )
    const used = await Promise.all([first, ...others].map(({ credential }) => credential()))
    assert.deepEqual(
      used.map(({ password }) => password),
      [hiding, hiding, shown, hiding, shown],
    )
  })

  test('a new token is tried anew for each of them', async () => {
    const first = await runtimeTrying('carol/secret')
    await admin.addToken(first.row, fineGrained('contents:write'))
    const second = await runtimeTrying('carol/tools')
    const connection_id = (await first.connection())?.id ?? ''
    await using events = await admin.events()
    await admin.api.createAuthorization({ body: { ...second.row, connection_id } })
    const valid = (runtime: typeof second) => async () => {
      const { status, reason } = (await runtime.connection()) ?? {}
      return status === 'valid' ? reason : undefined
    }
    assert.match(await events.until(valid(second)), /Proved by carol\/tools/)
    const { status } = await admin.addToken(first.row, fineGrained('contents:write'))
    assert.equal(status, 'accepted')
    assert.match(await events.until(valid(second)), /Proved by carol\/tools/)
  })

  test('the same token once more, for another runtime, proves nothing to one that it failed', async () => {
    const strict = await runtimeTrying('carol/secret')
    const token = fineGrained('contents:write')
    await admin.addToken(strict.row, token)
    const stored = github.token(token) ?? assert.fail()
    stored.scopes = ['contents:read']
    assert.equal((await admin.checkNow(strict.row.runtime_id)).status, 'insufficient_scopes')
    const lenient = await runtimeTrying(null, true)
    github.interruptionFor = (path) =>
      path.startsWith('/api/v3/repos/') ? { status: 429, body: 'Slow down' } : undefined
    assert.equal((await admin.addToken(lenient.row, token)).status, 'accepted')
    assert.equal((await strict.connection())?.id, (await lenient.connection())?.id)
    await refusal(strict.credential(), 'credential-scopes-missing')
    github.interruptionFor = undefined
    assert.equal((await admin.checkNow(strict.row.runtime_id)).status, 'insufficient_scopes')
  })

  test('a runtime that comes while a token is tried still waits for its own repository', async () => {
    // Nobody else's: checks that earlier tests have begun are not the one that is held.
    github.repositories.push({ owner: 'carol', name: 'held', private: true, sso: false })
    const first = await runtimeTrying('carol/held')
    await admin.addToken(first.row, fineGrained('contents:write'))
    const { id: connection_id = '' } = (await first.connection()) ?? {}
    const second = await runtimeTrying('carol/tools')
    const slow = { status: 429, body: 'Slow down' }
    const released = Promise.withResolvers<void>()
    const held = new Promise<void>((resolve) => {
      github.holdBack = (path) => {
        if (path !== '/api/v3/repos/carol/held') return undefined
        github.holdBack = undefined
        github.interruptionFor = (other) => (other.startsWith('/api/v3/repos/') ? slow : undefined)
        resolve()
        return released.promise
      }
    })
    await using events = await admin.events()
    const failed = async () => (await first.connection())?.check_failed ?? null
    await admin.api.checkConnection({ params: { id: connection_id } })
    await held
    await admin.api.createAuthorization({ body: { ...second.row, connection_id } })
    await events.until(async () => ((await failed()) === null ? undefined : true))
    released.resolve()
    await events.until(async () => ((await failed()) === null ? true : undefined))
    github.interruptionFor = undefined
    await refusal(second.credential(), 'credential-scopes-missing')
    assert.equal((await admin.checkNow(second.row.runtime_id)).status, 'valid')
  })

  test('and one that waits for it, or that it failed, waits for the next one named', async () => {
    const first = await runtimeTrying('carol/secret')
    const token = fineGrained('contents:write')
    assert.equal((await admin.addToken(first.row, token)).status, 'accepted')
    const { id: connection_id = '' } = (await first.connection()) ?? {}
    const second = await runtimeTrying('carol/tools')
    github.interruptionFor = (path) => (path.includes('/tools') ? { status: 503 } : undefined)
    await admin.api.createAuthorization({ body: { ...second.row, connection_id } })
    await refusal(second.credential(), 'credential-scopes-missing')
    const params = second.row
    await admin.api.updateRuntimeProvider({ params, body: { probe_repository: 'carol/tools-2' } })
    const { detail } = await refusal(second.credential(), 'credential-scopes-missing')
    assert.match(detail, /has not been tried on carol\/tools-2 yet/)
    assert.equal((await first.credential()).password, token)
    github.interruptionFor = undefined
    await admin.checkNow(second.row.runtime_id)
    await refusal(second.credential(), 'credential-scopes-missing')
    await admin.api.updateRuntimeProvider({ params, body: { probe_repository: 'carol/tools' } })
    await refusal(second.credential(), 'credential-scopes-missing')
    assert.equal((await admin.checkNow(second.row.runtime_id)).status, 'valid')
    assert.equal((await second.credential()).password, token)
  })

  test('another repository in the settings has it tried there', async () => {
    const { row, connection } = await runtimeTrying('carol/secret')
    await admin.addToken(row, fineGrained('contents:write'))
    const params = row
    await admin.api.updateRuntimeProvider({ params, body: { probe_repository: 'carol/gone' } })
    assert.equal((await connection())?.status, 'unverified')
    assert.equal((await admin.checkNow(row.runtime_id)).status, 'insufficient_scopes')
    await admin.api.updateRuntimeProvider({ params, body: { probe_repository: null } })
    assert.equal((await admin.checkNow(row.runtime_id)).status, 'unverified')
    for (const odd of [
      'app',
      '/acme/app',
      'https://github.com/acme/app',
      'acme/a b',
      'acme//app',
      'acme/..',
      '../app',
      'acme/./app',
    ]) {
      const body = { probe_repository: odd }
      await refusal(admin.api.updateRuntimeProvider({ params, body }), 'request-invalid')
    }
  })
})

test("a runtime's own token is tried when it is handed in, and at each check", async () => {
  const { row, ownCredential } = await runtimeTrying('carol/secret')
  const own = async () => {
    const params = { id: row.runtime_id }
    const [item] = (await admin.api.listRuntimeTokens({ params })).items
    const { tokens_in_need } = await admin.api.getRuntime({ params })
    return { ...(item?.connection ?? assert.fail()), in_need: tokens_in_need.length > 0 }
  }
  async function checked(): Promise<string> {
    await using events = await admin.events()
    await admin.api.checkRuntimeToken({ params: row })
    return await events.until(async () => {
      const { status } = await own()
      return status === 'checking' ? undefined : status
    })
  }
  const token = fineGrained('contents:write')
  assert.equal((await admin.addRuntimeToken(row, token)).status, 'accepted')
  const proved = await own()
  assert.deepEqual([proved.status, proved.probed_repository], ['valid', 'carol/secret'])
  assert.match(proved.reason, /Proved by carol\/secret/)
  assert.equal((await ownCredential()).password, token)

  const stored = github.token(token) ?? assert.fail()
  stored.scopes = ['contents:read']
  assert.equal(await checked(), 'insufficient_scopes')
  const lacking = await own()
  assert.match(lacking.reason, /may read carol\/secret but not write/)
  assert.ok(lacking.in_need)
  await refusal(ownCredential(), 'credential-scopes-missing')
  stored.scopes = ['contents:write']
  assert.equal(await checked(), 'valid')
  assert.equal((await ownCredential()).password, token)
  assert.equal((await own()).in_need, false)

  await admin.api.updateRuntimeProvider({ params: row, body: { probe_repository: null } })
  assert.equal((await own()).status, 'unverified')
  assert.equal(await checked(), 'unverified')
})

suite('a grant that hides its scopes', () => {
  async function authorize(probe_repository: string) {
    const { row, connection } = await runtimeTrying(probe_repository)
    const { id, callback_url } = await admin.api.getClientForm({
      query: { provider_id: provider.id },
    })
    const { client_id, client_secret } = github.oauth.registerClient(callback_url)
    await admin.api.putClient({
      body: { id, provider_id: provider.id, client_id, client_secret },
    })
    await admin.api.updateRuntimeProvider({ params: row, body: { auth_mode: 'default_client' } })
    github.granted_kind = 'app_user'
    const { request, authorization_url } = await beginOAuth(admin, row)
    github.oauth.signIn('carol')
    const sent = await fetch(authorization_url, { redirect: 'manual' })
    await using events = await admin.events()
    await comeBack(sent.headers.get('location') ?? '', admin.cookie)
    const ended = await events.until(async () => {
      const now = await admin.api.getAuthorizationRequest({ params: { id: request.id } })
      return now.status === 'exchanging' ? undefined : now
    })
    return { ended, connection }
  }

  test('is proved by the repository', async () => {
    const { ended, connection } = await authorize('carol/secret')
    assert.equal(ended.status, 'completed')
    assert.match((await connection())?.reason ?? '', /Proved by carol\/secret/)
  })

  test('or turned down', async () => {
    const { ended, connection } = await authorize('carol/no-such-repository')
    assert.equal(ended.status, 'refused')
    assert.match(ended.problem?.detail ?? '', /does not reach carol\/no-such-repository/)
    assert.equal(await connection(), undefined)
  })
})
