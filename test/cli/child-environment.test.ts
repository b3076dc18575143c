import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { childEnvironment } from '../../src/cli/child-environment.ts'
import { commitIdentity, robotIdentity } from '../../src/cli/identity.ts'
import { execute, isolated, temporaryFolder } from '../agent/git-end.ts'

const options = {
  env: { PATH: process.env.PATH, HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1' },
  base_urls: ['https://git.example.com', 'http://localhost:7082/sub'],
  socket_path: '/tmp/countersign-1/socket',
  identity: { name: 'Alice', email: 'alice@forge.example' },
}

describe('childEnvironment', () => {
  it('points Git at the socket for each Git host, and at nothing else', () => {
    const helper =
      '!LC_ALL=C exec git credential-cache --timeout=1 --socket=/tmp/countersign-1/socket'
    assert.deepEqual(childEnvironment(options), {
      PATH: process.env.PATH,
      HOME: '/nonexistent',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_COUNT: '6',
      GIT_CONFIG_KEY_0: 'credential.https://git.example.com.helper',
      GIT_CONFIG_VALUE_0: '',
      GIT_CONFIG_KEY_1: 'credential.https://git.example.com.helper',
      GIT_CONFIG_VALUE_1: helper,
      GIT_CONFIG_KEY_2: 'credential.https://git.example.com.useHttpPath',
      GIT_CONFIG_VALUE_2: 'true',
      GIT_CONFIG_KEY_3: 'credential.http://localhost:7082/sub.helper',
      GIT_CONFIG_VALUE_3: '',
      GIT_CONFIG_KEY_4: 'credential.http://localhost:7082/sub.helper',
      GIT_CONFIG_VALUE_4: helper,
      GIT_CONFIG_KEY_5: 'credential.http://localhost:7082/sub.useHttpPath',
      GIT_CONFIG_VALUE_5: 'true',
      GIT_AUTHOR_NAME: 'Alice',
      GIT_AUTHOR_EMAIL: 'alice@forge.example',
      GIT_COMMITTER_NAME: 'Alice',
      GIT_COMMITTER_EMAIL: 'alice@forge.example',
    })
  })

  it('keeps configuration that is there, and lets Git read both', async () => {
    const env = childEnvironment({
      ...options,
      env: {
        ...options.env,
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'core.editor',
        GIT_CONFIG_VALUE_0: 'ed',
      },
    })
    assert.equal(env.GIT_CONFIG_COUNT, '7')
    const { stdout } = await execute('git', ['config', '--list'], { env, cwd: '/' })
    const lines = stdout.trim().split('\n')
    assert.equal(lines.length, 7)
    assert.equal(lines[0], 'core.editor=ed')
  })

  it('comes after what an outer git was told with -c, so that no helper there is told tokens', async () => {
    await using folder = await temporaryFolder()
    const told = join(folder.path, 'told')
    const given = ['-c', "user.name=it's", '-c', `credential.helper=!tee '${told}' #`]
    const print = ['-c', 'alias.print=!printf %s "$GIT_CONFIG_PARAMETERS"', 'print']
    const outer = await execute('git', [...given, ...print], { cwd: '/' })
    const outside = isolated({ GIT_CONFIG_PARAMETERS: outer.stdout })
    const socket_path = join(folder.path, "it's", 'socket')
    const env = childEnvironment({ ...options, socket_path, env: outside })
    const lines = ['protocol=https', 'host=git.example.com', 'username=a', 'password=secret']
    const input = `${lines.join('\n')}\n\n`
    await execute('git', ['credential', 'reject'], { env, cwd: '/', input })
    assert.deepEqual(await readdir(folder.path), [])
    const name = await execute('git', ['config', 'user.name'], { env, cwd: '/' })
    assert.equal(name.stdout, "it's\n")
    await execute('git', ['credential', 'reject'], { env: outside, cwd: '/', input })
    assert.deepEqual(await readdir(folder.path), ['told'])
  })

  it('keeps our own settings from the command, and replaces an identity', () => {
    const env = childEnvironment({
      ...options,
      env: {
        COUNTERSIGN_RUNTIME_KEY: 'csr_secret',
        COUNTERSIGN_ANYTHING: 'x',
        GIT_AUTHOR_NAME: 'Robot',
        EMPTY: '',
        ABSENT: undefined,
      },
    })
    assert.ok(!JSON.stringify(env).includes('COUNTERSIGN'))
    assert.equal(env.GIT_AUTHOR_NAME, 'Alice')
    assert.equal(env.EMPTY, '')
    assert.ok(!('ABSENT' in env))
  })

  it('quotes the socket for the shell', async () => {
    const env = childEnvironment({ ...options, socket_path: "/tmp/it's a $HOME/socket" })
    const word = (env.GIT_CONFIG_VALUE_1 ?? '').split('--socket=')[1]
    assert.equal(
      (await execute('sh', ['-c', `printf %s ${word}`])).stdout,
      "/tmp/it's a $HOME/socket",
    )
  })

  it('refuses a count that Git would refuse', () => {
    for (const GIT_CONFIG_COUNT of ['x', '-1', '1.5', '99999999999']) {
      const env = { GIT_CONFIG_COUNT }
      assert.throws(() => childEnvironment({ ...options, env }), RangeError)
    }
  })
})

describe('commitIdentity', () => {
  const person = { name: 'Alice Example', email: 'alice@example.com' }
  const account = { login: 'alice', name: 'Alice', email: 'a@forge.example', avatar_url: null }

  for (const [what, given, expected] of [
    ['the account', {}, { name: 'Alice', email: 'a@forge.example' }],
    [
      'the login of an account without a name',
      { name: '' },
      { name: 'alice', email: 'a@forge.example' },
    ],
    ['the e-mail of the person', { email: null }, { name: 'Alice', email: 'alice@example.com' }],
    [
      'something where Git would find nothing',
      { name: '.,' },
      { name: 'alice', email: 'a@forge.example' },
    ],
    ['one line', { name: 'A\nB <c>' }, { name: 'A B  c', email: 'a@forge.example' }],
  ] as const) {
    it(`takes ${what}`, () => {
      assert.deepEqual(commitIdentity(person, { ...account, ...given }), expected)
    })
  }
})

describe('robotIdentity', () => {
  const robot = { login: 'ci-robot', name: '', email: null, avatar_url: null }
  const at = (account: typeof robot | (Omit<typeof robot, 'email'> & { email: string })) =>
    robotIdentity({ name: 'ci' }, 'https://git.example.com/sub', account)

  it('is the robot account, with an e-mail that leads nowhere where it shows none', () => {
    assert.deepEqual(at(robot), {
      name: 'ci-robot',
      email: 'ci-robot@users.noreply.git.example.com',
    })
    assert.deepEqual(at({ ...robot, name: 'The Robot', email: 'robot@example.com' }), {
      name: 'The Robot',
      email: 'robot@example.com',
    })
  })
})
