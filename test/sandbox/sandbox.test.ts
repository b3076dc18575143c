import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { git, runGit, temporaryFolder, withCredential } from '../forge/git.ts'
import { bearer, runSandbox } from './running-sandbox.ts'

const SCOPES = ['read:user', 'write:repository']

test('the first start offers the demo accounts and repositories', async () => {
  await using sandbox = await runSandbox()
  const token = await sandbox.createToken('look', ['all'])
  const response = await fetch(`${sandbox.url}/api/v1/user/repos`, { headers: bearer(token) })
  const repositories = (await response.json()) as { full_name: string; private: boolean }[]
  assert.deepEqual(
    repositories.map(({ full_name, private: hidden }) => [full_name, hidden]),
    [
      ['alice/hello', false],
      ['alice/private-notes', true],
    ],
  )
  const bob = await fetch(`${sandbox.url}/api/v1/users/bob`)
  assert.equal(bob.status, 200)
})

test('a push is recorded with the account that pushed, whoever wrote the commit', async () => {
  await using sandbox = await runSandbox()
  await using folder = await temporaryFolder()
  const token = await sandbox.createToken('push', SCOPES)
  const url = withCredential(sandbox.url, '/alice/private-notes.git', 'oauth2', token)
  await git(folder.path, 'clone', '--quiet', url, '.')
  const old = await git(folder.path, 'rev-parse', 'HEAD')
  await git(folder.path, 'commit', '--quiet', '--allow-empty', '--message', 'One')
  await git(folder.path, 'commit', '--quiet', '--allow-empty', '--message', 'Two')
  await git(folder.path, 'push', '--quiet', 'origin', 'HEAD:main', 'HEAD:refs/heads/side')
  const [two, one] = (await git(folder.path, 'rev-list', '--max-count=2', 'HEAD')).split('\n')

  const { pushes } = await sandbox.control('GET', '/pushes')
  const main = pushes.find((push: { ref: string }) => push.ref === 'refs/heads/main')
  assert.equal(pushes.length, 2)
  assert.deepEqual(
    { ...main, pushed_at: null },
    {
      repository: 'alice/private-notes',
      login: 'alice',
      ref: 'refs/heads/main',
      old,
      new: two,
      commits: [two, one],
      pushed_at: null,
    },
  )
})

test('a pack of some megabytes goes both ways', async () => {
  await using sandbox = await runSandbox()
  await using folder = await temporaryFolder()
  const token = await sandbox.createToken('push', SCOPES)
  const url = withCredential(sandbox.url, '/alice/hello', 'oauth2', token)
  await git(folder.path, 'clone', '--quiet', url, 'one')
  const one = join(folder.path, 'one')
  await writeFile(join(one, 'noise'), randomBytes(6 * 1024 * 1024))
  await git(one, 'add', 'noise')
  await git(one, 'commit', '--quiet', '--message', 'Noise')
  await git(one, 'push', '--quiet')
  await git(folder.path, 'clone', '--quiet', url, 'two')
  const heads = ['one', 'two'].map((name) =>
    git(join(folder.path, name), 'rev-parse', 'HEAD:noise'),
  )
  const [sent, received] = await Promise.all(heads)
  assert.equal(received, sent)
})

test('wrong, expired, revoked and too narrow tokens cannot push', async () => {
  await using sandbox = await runSandbox()
  await using folder = await temporaryFolder()
  await git(folder.path, 'clone', '--quiet', `${sandbox.url}/alice/hello`, '.')
  const push = async (token: string) => {
    const url = withCredential(sandbox.url, '/alice/hello', 'oauth2', token)
    return (await runGit(folder.path, 'push', url, 'HEAD:refs/heads/new')).stderr
  }
  const expired = await sandbox.createToken('expired', SCOPES)
  await sandbox.control('POST', '/tokens/expire', { sha1: expired })
  const revoked = await sandbox.createToken('revoked', SCOPES)
  await sandbox.control('POST', '/tokens/revoke', { sha1: revoked })
  for (const token of ['f'.repeat(40), expired, revoked]) {
    assert.match(await push(token), /Authentication failed/)
  }
  assert.match(await push(await sandbox.createToken('narrow', ['read:repository'])), /error: 403/)
  assert.deepEqual((await sandbox.control('GET', '/pushes')).pushes, [])
})

test('a restart finds everything as it was', async () => {
  await using folder = await temporaryFolder()
  await using data = await temporaryFolder()
  const data_folder = data.path
  const first = await runSandbox({ data_folder })
  const token = await first.createToken('kept', SCOPES)
  await git(
    folder.path,
    ...['clone', '--quiet', withCredential(first.url, '/alice/hello', 'x', token), '.'],
  )
  await git(folder.path, 'commit', '--quiet', '--allow-empty', '--message', 'Kept')
  await git(folder.path, 'push', '--quiet')
  const before = await first.control('GET', '/pushes')
  await first.close()

  await using second = await runSandbox({ data_folder })
  assert.deepEqual(await second.control('GET', '/pushes'), before)
  const listed = await git(folder.path, 'ls-remote', `${second.url}/alice/hello`, 'main')
  assert.ok(listed.startsWith(await git(folder.path, 'rev-parse', 'HEAD')))
  const response = await fetch(`${second.url}/api/v1/user`, { headers: bearer(token) })
  assert.equal(response.status, 200)
})

test('what listens everywhere is told by an address that leads to it', async () => {
  for (const host of ['0.0.0.0', '::']) {
    await using sandbox = await runSandbox({ host })
    assert.match(sandbox.url, /^http:\/\/127\.0\.0\.1:\d+$/)
    assert.equal((await fetch(sandbox.url)).status, 200)
  }
})

test('the command line says how to use it', async () => {
  const main = join(import.meta.dirname, '..', '..', 'sandbox', 'main.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--help'])
  assert.match(stdout, /--control-port/)
})
