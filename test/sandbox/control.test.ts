import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bearer, type RunningSandbox, runSandbox } from './running-sandbox.ts'

async function user(sandbox: RunningSandbox, token: string, signal?: AbortSignal) {
  return fetch(`${sandbox.url}/api/v1/user`, {
    headers: bearer(token),
    redirect: 'manual',
    ...(signal ? { signal } : {}),
  })
}

test('calls are counted by pattern and listed without secrets', async () => {
  await using sandbox = await runSandbox()
  const token = await sandbox.createToken('count', ['read:user', 'read:repository'])
  await user(sandbox, token)
  await user(sandbox, token)
  await fetch(`${sandbox.url}/api/v1/repos/alice/hello?token=${token}`, { headers: bearer(token) })
  const said = await sandbox.control('GET', '/calls')
  assert.deepEqual(said.counts, {
    'GET /api/v1/user': 2,
    'GET /api/v1/repos/{owner}/{repo}': 1,
  })
  assert.equal(said.calls.length, 3)
  assert.equal(said.calls[2].path, '/api/v1/repos/alice/hello')
  assert.ok(!JSON.stringify(said).includes(token))
  await sandbox.control('DELETE', '/calls')
  assert.deepEqual(await sandbox.control('GET', '/calls'), { counts: {}, calls: [] })
})

test('a fault spoils as many answers as it was told, and only those that match', async () => {
  await using sandbox = await runSandbox()
  const token = await sandbox.createToken('faults', ['read:user'])
  await sandbox.control('POST', '/faults', { kind: 'status', status: 503, times: 2 })
  assert.equal((await fetch(`${sandbox.url}/user/login`)).status, 200)
  const answers = [
    await user(sandbox, token),
    await user(sandbox, token),
    await user(sandbox, token),
  ]
  assert.deepEqual(
    answers.map(({ status }) => status),
    [503, 503, 200],
  )
})

test('every kind of fault does what it says', async () => {
  await using sandbox = await runSandbox()
  const token = await sandbox.createToken('faults', ['read:user'])
  const spoiled = async (fault: object) => {
    await sandbox.control('POST', '/faults', { times: 1, ...fault })
    return user(sandbox, token, AbortSignal.timeout(5000))
  }
  const page = await spoiled({ kind: 'html' })
  assert.equal(page.status, 200)
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/)

  const moved = await spoiled({ kind: 'redirect', location: 'http://127.0.0.1:1/elsewhere' })
  assert.deepEqual(
    [moved.status, moved.headers.get('location')],
    [302, 'http://127.0.0.1:1/elsewhere'],
  )

  const other = await spoiled({ kind: 'other-forge' })
  assert.deepEqual([other.status, await other.json()], [404, { error: '404 Not Found' }])

  assert.equal((await spoiled({ kind: 'delay', delay_ms: 1 })).status, 200)
  await assert.rejects(spoiled({ kind: 'reset' }))

  const endless = await spoiled({ kind: 'endless' })
  assert.equal(endless.status, 200)
  let length = 0
  for await (const chunk of endless.body ?? []) {
    length += chunk.length
    if (length > 1024 * 1024) break
  }
  assert.ok(length > 1024 * 1024)
})

test('a removed fault spoils nothing any more', async () => {
  await using sandbox = await runSandbox()
  const token = await sandbox.createToken('faults', ['read:user'])
  await sandbox.control('POST', '/faults', { kind: 'status', status: 500 })
  assert.equal((await user(sandbox, token)).status, 500)
  await sandbox.control('DELETE', '/faults')
  assert.equal((await user(sandbox, token)).status, 200)
  await assert.rejects(
    sandbox.control('POST', '/faults', { kind: 'nonsense' }),
    /kind must be one of/,
  )
})

test('accounts are made, suspended and let in again', async () => {
  await using sandbox = await runSandbox()
  await sandbox.control('POST', '/users', {
    login: 'erin',
    password: 'erin-secret',
    full_name: 'Erin Example',
    email: 'erin@example.com',
  })
  const { id, sha1 } = await sandbox.control('POST', '/tokens', {
    login: 'erin',
    name: 'first',
    scopes: ['read:user'],
  })
  assert.equal((await user(sandbox, sha1)).status, 200)
  await sandbox.control('POST', '/users/erin/suspend')
  assert.equal((await user(sandbox, sha1)).status, 403)
  await sandbox.control('POST', '/users/erin/unsuspend')
  assert.equal((await user(sandbox, sha1)).status, 200)
  await sandbox.control('POST', '/tokens/expire', { id })
  assert.equal((await user(sandbox, sha1)).status, 401)
  await assert.rejects(sandbox.control('POST', '/tokens/revoke', { id: 0 }), /no such token/)
})

test('a browser cannot reach the control port', async () => {
  await using sandbox = await runSandbox()
  const response = await fetch(`${sandbox.control_url}/control/faults`, {
    method: 'POST',
    headers: { origin: 'https://example.com' },
    body: '{"kind":"status"}',
  })
  assert.equal(response.status, 403)
})
