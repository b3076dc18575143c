import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { openPersonSocket } from '../../src/agent/person-socket.ts'
import { type Refusal, refusalSentence } from '../../src/agent/refusal.ts'
import { openVaultClient } from '../../src/agent/vault-client.ts'
import { exchange } from './client-end.ts'
import { execute, gitCredential } from './git-end.ts'
import {
  type Answer,
  type Call,
  credential,
  freeAddress,
  KEY,
  ok,
  problem,
  startVaultEnd,
  TOKEN,
} from './vault-end.ts'

const NOBODY = 65534
const asked = { protocol: 'https', host: 'git.example.com', path: 'team/app.git' }

/** Alice's socket, and the vault's end of the wire behind it. */
async function openAlice(answer: (call: Call) => Answer, vault_url?: string) {
  const stack = new AsyncDisposableStack()
  const end = stack.use(await startVaultEnd(answer))
  const vault = stack.use(openVaultClient({ vault_url: vault_url ?? end.url, runtime_key: KEY }))
  const refusals: { refusal: Refusal; host: string }[] = []
  const socket = stack.use(
    await openPersonSocket({
      vault,
      acts_for: { person: 'alice@example.com' },
      onRefusal: (refusal, host) => refusals.push({ refusal, host }),
    }),
  )
  return {
    path: socket.socket_path,
    calls: end.calls,
    refusals,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

describe('git credential fill', () => {
  it('gets user name and password, for which the vault was asked once', async () => {
    await using alice = await openAlice(() => ok(credential))
    const { code, stdout, stderr } = await gitCredential('fill', alice.path, asked)
    assert.equal(stderr, '')
    assert.equal(code, 0)
    assert.deepEqual(stdout.split('\n').sort(), [
      '',
      'host=git.example.com',
      `password=${TOKEN}`,
      'path=team/app.git',
      'protocol=https',
      'username=oauth2',
    ])
    assert.deepEqual(alice.calls, [
      {
        method: 'POST',
        path: '/api/v1/credential',
        query: {},
        authorization: `Bearer ${KEY}`,
        body: { person: 'alice@example.com', ...asked, min_ttl: 300 },
      },
    ])
  })

  it('is not told when it ends: its clock may be ahead, and it would drop what works', async () => {
    const hourAhead = { ...credential, password_expiry_utc: Math.floor(Date.now() / 1000) - 3600 }
    await using alice = await openAlice(() => ok(hourAhead))
    const request = 'action=get\ntimeout=1\nprotocol=https\nhost=git.example.com\n'
    assert.equal(await exchange(alice.path, [request]), `username=oauth2\npassword=${TOKEN}\n`)
    const { code, stdout } = await gitCredential('fill', alice.path, asked)
    assert.equal(code, 0)
    assert.match(stdout, new RegExp(`^password=${TOKEN}$`, 'm'))
  })

  it('overrides a user name in the address', async () => {
    await using alice = await openAlice(() => ok(credential))
    const { stdout } = await gitCredential('fill', alice.path, { ...asked, username: 'bob' })
    assert.match(stdout, /^username=oauth2$/m)
  })

  it('goes on to the next helper for a host that is not registered', async () => {
    await using alice = await openAlice(() => problem('host-not-registered', 'Not here.'))
    const next = '!echo username=next; echo password=other; :'
    const { code, stdout } = await gitCredential('fill', alice.path, asked, { next })
    assert.equal(code, 0)
    assert.match(stdout, /^password=other$/m)
    assert.deepEqual(alice.refusals, [])
  })

  it('does not ask the vault about other protocols', async () => {
    await using alice = await openAlice(() => ok(credential))
    const smtp = { protocol: 'smtp', host: 'mail.example.com' }
    const { code, stdout } = await gitCredential('fill', alice.path, smtp)
    assert.notEqual(code, 0)
    assert.equal(stdout, '')
    assert.deepEqual(alice.calls, [])
  })

  const page = 'http://localhost:7080/tokens'
  for (const [answer, sentence] of [
    [
      problem('authorization-missing', 'alice@example.com has not authorized runtime "local".', {
        page,
      }),
      `alice@example.com has not authorized runtime "local". Authorize it at ${page}`,
    ],
    [
      problem('credential-expired', 'The token has expired.', { page }),
      `The token has expired. Replace the token at ${page}`,
    ],
    [
      problem('credential-rejected', `Replace the token at ${page}.`, { page }),
      `Replace the token at ${page}.`,
    ],
    [
      problem('credential-scopes-missing', 'The token may do too little.', { page }),
      `The token may do too little. Replace the token at ${page}`,
    ],
    [problem('runtime-key-invalid', 'Ask an administrator.'), 'Ask an administrator.'],
    [problem('database-unavailable', 'Try again soon.'), 'The database is away. Try again soon.'],
    [
      { status: 502, body: '<html>Bad Gateway</html>' },
      'Countersign does not answer at ADDRESS: something before it says 502.',
    ],
    [
      ok({ ...credential, password: 'a\nhost=evil.example' }),
      'The agent could not make sense of what the vault answered.',
    ],
    [ok({}), 'What answers at ADDRESS is not Countersign. Check the address.'],
    [ok(null), 'What answers at ADDRESS is not Countersign. Check the address.'],
  ] as const) {
    it(`stops at "${sentence}"`, async () => {
      await using alice = await openAlice(() => answer)
      const next = '!echo username=next; echo password=other; :'
      const { code, stdout, stderr } = await gitCredential('fill', alice.path, asked, { next })
      assert.equal(code, 128)
      assert.equal(stdout, '')
      assert.match(stderr, /told us to quit\n$/)
      assert.equal(alice.refusals.length, 1)
      const [{ refusal, host } = assert.fail()] = alice.refusals
      const said = refusalSentence(refusal).replace(/http:\/\/127\.0\.0\.1:\d+/, 'ADDRESS')
      assert.equal(said, sentence)
      assert.equal(host, 'git.example.com')
    })
  }

  it('stops when the vault is away', async () => {
    const url = await freeAddress()
    await using alice = await openAlice(() => ok(credential), url)
    const { code, stderr } = await gitCredential('fill', alice.path, asked)
    assert.equal(code, 128)
    assert.match(stderr, /told us to quit\n$/)
    assert.deepEqual(
      alice.refusals.map(({ refusal }) => [refusal.type, refusal.detail]),
      [['vault-unavailable', `The vault at ${url} does not answer (nothing listens there).`]],
    )
  })

  it('stops when the vault hangs up', async () => {
    await using alice = await openAlice(() => 'hang up')
    assert.equal((await gitCredential('fill', alice.path, asked)).code, 128)
    assert.equal(alice.refusals[0]?.refusal.type, 'vault-unavailable')
  })
})

describe('git credential approve', () => {
  it('is acknowledged and forgotten', async () => {
    await using alice = await openAlice(() => problem('authorization-missing', 'No.'))
    const stored = { ...asked, username: 'eve', password: 'hunter2' }
    const { code, stderr } = await gitCredential('approve', alice.path, stored)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.deepEqual(alice.calls, [])
    assert.equal((await gitCredential('fill', alice.path, asked)).stdout, '')
  })
})

describe('git credential reject', () => {
  const rejected = { ...asked, username: 'oauth2', password: TOKEN }

  it('asks the vault to check, without the password', async () => {
    await using alice = await openAlice(() => ({ status: 204, body: undefined }))
    const { code, stderr } = await gitCredential('reject', alice.path, rejected)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.deepEqual(alice.calls, [
      {
        method: 'POST',
        path: '/api/v1/credential/report',
        query: {},
        authorization: `Bearer ${KEY}`,
        body: { person: 'alice@example.com', ...asked },
      },
    ])
  })

  for (const [what, answer] of [
    ['a host that is not registered', problem('host-not-registered', 'Not here.')],
    ['an authorization that is gone', problem('authorization-missing', 'Gone.')],
    ['a vault that hangs up', 'hang up'],
  ] as const) {
    it(`is no failure for ${what}`, async () => {
      await using alice = await openAlice(() => answer)
      const { code, stderr } = await gitCredential('reject', alice.path, rejected)
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
      assert.deepEqual(alice.refusals, [])
    })
  }
})

describe('git credential-cache exit', () => {
  it('does not stop the agent', async () => {
    await using alice = await openAlice(() => ok(credential))
    await execute('git', ['credential-cache', `--socket=${alice.path}`, 'exit'])
    assert.equal((await gitCredential('fill', alice.path, asked)).code, 0)
  })
})

describe('a socket that is gone', () => {
  it('answers nothing, so that Git goes on', async () => {
    await using alice = await openAlice(() => ok(credential))
    await rm(alice.path, { force: true })
    await using _ = {
      [Symbol.asyncDispose]: () => rm(dirname(alice.path), { force: true, recursive: true }),
    }
    const next = '!echo username=next; echo password=other; :'
    const { stdout } = await gitCredential('fill', alice.path, asked, { next })
    assert.match(stdout, /^password=other$/m)
  })
})

describe('a socket whose agent was killed', () => {
  const agent = join(import.meta.dirname, '..', '..', 'src', 'agent')
  const script = `
    const { createSocketFolder } = await import('${agent}/socket-folder.ts')
    const { openSocket } = await import('${agent}/socket.ts')
    if (process.getuid() === 0) {
      process.setgid(${NOBODY})
      process.setuid(${NOBODY})
    }
    const folder = await createSocketFolder()
    await openSocket({ folder, answer: async () => '' })
    process.stdout.write(folder.socket_path, () => process.kill(process.pid, 'SIGKILL'))`

  it('is no place for a cache daemon that keeps what Git stores', async () => {
    // Nothing is forbidden to root: as root, the agent and Git become another account here.
    const account = process.getuid?.() === 0 ? { uid: NOBODY, cwd: '/' } : {}
    const node = ['--input-type=module', '-e', script]
    const { stdout: path } = await execute(process.execPath, node)
    await using _ = {
      [Symbol.asyncDispose]: () => rm(dirname(path), { force: true, recursive: true }),
    }
    const stored = { ...asked, username: 'alice', password: TOKEN }
    const { stderr } = await gitCredential('approve', path, stored, account)
    assert.match(stderr, /Permission denied/)
    await assert.rejects(once(connect(path), 'connect'), { code: 'ECONNREFUSED' })
  })
})
