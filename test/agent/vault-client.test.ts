import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  openVaultClient,
  type VaultClientOptions,
  VaultUnavailableError,
} from '../../src/agent/vault-client.ts'
import { ProblemError } from '../../src/contract/index.ts'
import { refusal } from '../harness/problems.ts'
import {
  type Answer,
  type Call,
  credential,
  freeAddress,
  KEY,
  ok,
  problem,
  runtimeView,
  startVaultEnd,
  TOKEN,
} from './vault-end.ts'

const body = { person: 'alice@example.com', protocol: 'https', host: 'git.example.com' } as const

async function openPair(
  answer: (call: Call) => Answer,
  options: Pick<VaultClientOptions, 'call_deadline_ms' | 'rereadKey'> = {},
) {
  const stack = new AsyncDisposableStack()
  const end = stack.use(await startVaultEnd(answer))
  const vault = stack.use(openVaultClient({ vault_url: end.url, runtime_key: KEY, ...options }))
  return { end, vault, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const unavailable = (words: RegExp) => (error: unknown) =>
  error instanceof VaultUnavailableError && words.test(error.detail)

describe('the client of the vault', () => {
  it('keeps its connection', async () => {
    await using pair = await openPair(() => ok(credential))
    for (let call = 0; call < 20; call += 1) {
      assert.equal((await pair.vault.issueCredential({ body })).password, TOKEN)
    }
    assert.equal(pair.end.connections(), 1)
  })

  it('opens no more than 32 connections for 200 calls at once', async () => {
    await using pair = await openPair(() => ok(credential))
    const calls = Array.from({ length: 200 }, () => pair.vault.issueCredential({ body }))
    assert.equal((await Promise.all(calls)).length, 200)
    assert.ok(pair.end.connections() <= 32)
  })

  it('repeats a call that met a connection just closed, once', async () => {
    let calls = 0
    await using pair = await openPair(() => {
      calls += 1
      return calls === 2 ? 'hang up' : ok(credential)
    })
    await pair.vault.issueCredential({ body })
    await pair.vault.issueCredential({ body })
    assert.deepEqual([calls, pair.end.connections()], [3, 2])
  })

  it('repeats it on a new connection: the other idle ones were closed at the same time', async () => {
    let restarted = false
    await using pair = await openPair(() => {
      const isOld = pair.end.connections() === 3
      return restarted && isOld ? 'hang up' : ok(credential)
    })
    const call = () => pair.vault.issueCredential({ body })
    await Promise.all([call(), call(), call()])
    assert.equal(pair.end.connections(), 3)
    restarted = true
    await call()
    assert.deepEqual([pair.end.calls.length, pair.end.connections()], [5, 4])
  })

  it('does not repeat a call on a new connection', async () => {
    await using pair = await openPair(() => 'hang up')
    await assert.rejects(pair.vault.issueCredential({ body }), unavailable(/it hung up/))
    assert.equal(pair.end.calls.length, 1)
  })

  it('asks for one person, and gives signs of life', async () => {
    await using pair = await openPair(() => ok(runtimeView()))
    const view = await pair.vault.getRuntimeView({ query: { person: 'a+b@example.com' } })
    assert.equal(view.runtime.name, 'local')
    await pair.vault.getRuntimeView({ query: { agent: '1.2.3' } })
    assert.deepEqual(
      pair.end.calls.map(({ query }) => query),
      [{ person: 'a+b@example.com' }, { agent: '1.2.3' }],
    )
  })

  it('takes an address with a path and a slash', async () => {
    await using end = await startVaultEnd(() => ok(runtimeView()))
    const vault_url = `${end.url}/vault/`
    await using vault = openVaultClient({ vault_url, runtime_key: KEY })
    await vault.getRuntimeView({})
    assert.equal(end.calls[0]?.path, '/vault/api/v1/runtime')
  })

  it('throws the problem that the vault answers', async () => {
    const page = 'http://localhost:7080/tokens'
    await using pair = await openPair(() => problem('credential-expired', 'Replace it.', { page }))
    await assert.rejects(pair.vault.issueCredential({ body }), (error: unknown) => {
      assert.ok(error instanceof ProblemError)
      assert.equal(error.type, 'credential-expired')
      assert.equal(error.detail, 'Replace it.')
      assert.equal(error.extensions.page, page)
      return true
    })
  })

  it('goes on with the key that took the place of its own', async () => {
    await using pair = await openPair(
      ({ authorization }) =>
        authorization === 'Bearer csr_newer' ? ok(credential) : problem('runtime-key-invalid', ''),
      { rereadKey: async () => 'csr_newer' },
    )
    const call = () => pair.vault.issueCredential({ body })
    await Promise.all([call(), call()])
    await call()
    assert.deepEqual(
      pair.end.calls.map(({ authorization }) => authorization),
      [KEY, KEY, 'csr_newer', 'csr_newer', 'csr_newer'].map((key) => `Bearer ${key}`),
    )
  })

  it('throws what the vault says of its key where there is no other, or none yet', async () => {
    const keys = [
      async () => KEY,
      () => Promise.reject(new Error('a file that is being written')),
      async () => 'csr_another',
    ]
    let calls = 0
    await using pair = await openPair(() => problem('runtime-key-invalid', 'Make a new one.'), {
      rereadKey: () => keys.shift()?.() ?? assert.fail(),
    })
    for (const more of [1, 1, 2]) {
      await refusal(pair.vault.issueCredential({ body }), 'runtime-key-invalid')
      calls += more
      assert.equal(pair.end.calls.length, calls)
    }
  })

  it('follows no redirect: the runtime key stays here', async () => {
    await using pair = await openPair(() => ({ status: 302, body: '' }))
    await assert.rejects(pair.vault.getRuntimeView({}), { name: 'ProblemError', status: 500 })
    assert.equal(pair.end.calls.length, 1)
  })

  it('says that nothing listens, that it took too long, that there was too much', async () => {
    const url = await freeAddress()
    await using vault = openVaultClient({ vault_url: url, runtime_key: KEY })
    await assert.rejects(vault.getRuntimeView({}), unavailable(/nothing listens there/))

    await using slow = await openPair(() => 'no answer', { call_deadline_ms: 20 })
    await assert.rejects(slow.vault.getRuntimeView({}), unavailable(/it takes too long/))

    await using endless = await openPair(() => ok('x'.repeat(2 * 1024 * 1024)))
    await assert.rejects(endless.vault.getRuntimeView({}), unavailable(/too long/))
  })

  it('can be interrupted', async () => {
    await using pair = await openPair(() => 'no answer')
    const stop = new AbortController()
    const arrived = pair.end.nextCall('/api/v1/runtime')
    const call = pair.vault.getRuntimeView({}, { signal: stop.signal })
    await arrived
    stop.abort()
    await assert.rejects(call, { name: 'AbortError' })
  })
})
