import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import packageJson from '../../package.json' with { type: 'json' }
import { commandNames, helpText } from '../../src/cli/help.ts'
import { execute, gitCredential, isolated, temporaryFolder } from '../agent/git-end.ts'
import { credential, ok, problem, runtimeView, startVaultEnd } from '../agent/vault-end.ts'
import { commandLine, countersign, installation, startCountersign } from './countersign.ts'

const nowhere = { env: isolated() }

describe('countersign', () => {
  it('says its version', async () => {
    const { code, stdout } = await countersign(['version'], nowhere)
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `countersign ${packageJson.version}\n` })
  })

  it('explains itself and each of its commands', async () => {
    for (const argv of [
      ['help'],
      ['help', 'run'],
      ['help', '--help'],
      ['run', '--help'],
      ['run', '-h'],
      ['authorize', '--help'],
    ]) {
      const { code, stdout, stderr } = await countersign(argv, nowhere)
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
      assert.match(stdout, /^Usage: countersign/m)
    }
    for (const name of commandNames) {
      assert.match(helpText(), new RegExp(`^  ${name} `, 'm'))
      assert.match(helpText(name), new RegExp(`^Usage: countersign ${name}`, 'm'))
      assert.ok(
        helpText(name)
          .split('\n')
          .every((line) => line.length <= 100),
      )
    }
  })

  for (const [argv, expected] of [
    [['nonsense'], 'there is no command "nonsense". See "countersign help".'],
    [['help', 'nonsense'], 'there is no command "nonsense". See "countersign help".'],
    [
      ['autorise'],
      'there is no command "autorise". Did you mean "authorize"? See "countersign help".',
    ],
    [
      ['help', 'vaults'],
      'there is no command "vaults". Did you mean "vault"? See "countersign help".',
    ],
    [['constructor'], 'there is no command "constructor". See "countersign help".'],
    [['run'], 'run: say for whom, with --as EMAIL or --as-runtime. See "countersign run --help".'],
    [
      ['agent', '--person', '', '--as-runtime'],
      'agent: say for whom, with --person EMAIL or --as-runtime. See "countersign agent --help".',
    ],
    [
      ['run', '--as', 'a@example.com', '--as-runtime', '--', 'true'],
      'run: give one of --as EMAIL and --as-runtime, not both. See "countersign run --help".',
    ],
    [
      ['run', '--as', 'a@example.com'],
      'run: put "--" and then the command to run. See "countersign run --help".',
    ],
    [
      ['run', '--as', 'a@example.com', '--'],
      'run: put "--" and then the command to run. See "countersign run --help".',
    ],
    [['run', '--nope'], 'run: unknown option \'--nope\'. See "countersign run --help".'],
    [
      ['run', '--as', 'a@example.com', 'git', 'push'],
      'run: unexpected argument \'git\': put "--" before the command to run. See "countersign run --help".',
    ],
    [
      ['run', '--as'],
      'run: option \'--as <value>\' argument missing. See "countersign run --help".',
    ],
    [
      ['access', 'x'],
      'access: say for whom, with --as EMAIL or --as-runtime. See "countersign access --help".',
    ],
    ...[[], ['git@a:b/c.git'], ['https://a/'], ['https://a/b/c', 'https://a/b/d']].map(
      (words): [string[], string] => [
        ['access', '--as', 'a@example.com', ...words],
        'access: name one repository by its http(s) clone address. See "countersign access --help".',
      ],
    ),
    [
      ['agent'],
      'agent: say for whom, with --person EMAIL or --as-runtime. See "countersign agent --help".',
    ],
    [
      ['authorize'],
      'authorize: say which runtime, with --runtime NAME. See "countersign authorize --help".',
    ],
    ...[
      ['token', 'add'],
      ['authorize', '--runtime', 'x'],
    ].map((words): [string[], string] => [
      [...words, '--as-runtime'],
      `${words[0]}: this is for a person; a runtime's own token an administrator adds on the page ` +
        `of the runtime. See "countersign ${words[0]} --help".`,
    ]),
    [
      ['token', 'add', '--runtme', 'ci'],
      `token: unknown option '--runtme', did you mean '--runtime'? See "countersign token --help".`,
    ],
    [
      ['authorize', '--runtime', '--yes'],
      `authorize: option '--runtime' argument missing. See "countersign authorize --help".`,
    ],
    [
      ['authorize', 'ci'],
      'authorize: unexpected argument \'ci\': name the runtime with --runtime. See "countersign authorize --help".',
    ],
    [
      ['agent', 'alice@example.com'],
      'agent: unexpected argument \'alice@example.com\': name people with --person. See "countersign agent --help".',
    ],
    [
      ['login', 'https://countersign.example'],
      'login: unexpected argument \'https://countersign.example\': give the address with --server. See "countersign login --help".',
    ],
    [['up', '--port=1'], 'up: unknown option \'--port\'. See "countersign up --help".'],
    [['vault', 'now'], 'vault: unexpected argument \'now\'. See "countersign vault --help".'],
    [['logout', 'now'], 'logout: unexpected argument \'now\'. See "countersign logout --help".'],
    [['login', '--server', 'ftp://x'], '"ftp://x" is not the http(s) address of a server.'],
    [
      ['login', '--server', 'http://countersign.example'],
      'http://countersign.example would send your session in the clear: use its https address.',
    ],
    [
      ['version', '--nope'],
      'version: unknown option \'--nope\'. See "countersign version --help".',
    ],
  ] as const) {
    it(`answers "${argv.join(' ')}" with one line`, async () => {
      const { code, stdout, stderr } = await countersign(argv, nowhere)
      assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
      assert.equal(stderr, `countersign: ${expected}\n`)
    })
  }
})

describe('standard output', () => {
  const nowhereTo = (args: string[], end: string) =>
    execute('sh', ['-c', `{ ${commandLine(args)}; echo "ended with $?" >&2; } ${end}`])

  it('that nobody reads any more ends nothing', async () => {
    const { stderr } = await nowhereTo(['help'], '| :')
    assert.equal(stderr, 'ended with 0\n')
  })

  it('that finds its disk full is told', {
    skip: existsSync('/dev/full') ? false : 'no /dev/full on this system',
  }, async () => {
    const { stderr } = await nowhereTo(['version'], '> /dev/full')
    assert.equal(stderr, 'countersign: standard output cannot be written (ENOSPC).\nended with 1\n')
  })
})

describe('countersign agent', () => {
  it('answers Git until it is told to stop', async () => {
    await using folder = await temporaryFolder()
    await using end = await startVaultEnd(({ path }) =>
      ok(path === '/api/v1/runtime' ? runtimeView() : credential),
    )
    const people = ['--person', 'alice@example.com', '--person', 'Alice@Example.com']
    const flags = [...people, '--socket-folder', folder.path]
    const agent = startCountersign(['agent', ...flags], installation(end.url))
    const exited = once(agent, 'exit')
    const [line] = await once(createInterface(agent.stdout), 'line')
    assert.equal(JSON.parse(line).msg, 'socket open')
    const socket_path = join(folder.path, 'alice@example.com', 'socket')
    const asked = { protocol: 'https', host: 'git.example.com' }
    assert.equal((await gitCredential('fill', socket_path, asked)).code, 0)
    agent.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null])
    assert.deepEqual(await readdir(folder.path), [])
    assert.deepEqual(end.calls[0]?.query, { agent: packageJson.version })
  })

  it('does not start with a key that the vault does not know, or where it cannot write', async () => {
    await using folder = await temporaryFolder()
    await using end = await startVaultEnd(() => problem('runtime-key-invalid', 'Make a new one.'))
    const flags = ['agent', '--person', 'alice@example.com', '--socket-folder']
    const unknown = await countersign([...flags, folder.path], installation(end.url))
    assert.equal(unknown.code, 3)
    assert.equal(
      unknown.stderr,
      'countersign: Make a new one. The key is from COUNTERSIGN_RUNTIME_KEY.\n',
    )
    await using honest = await startVaultEnd(() => ok(runtimeView()))
    const blocked = await countersign([...flags, '/dev/null/x'], installation(honest.url))
    assert.equal(blocked.code, 2)
    assert.match(blocked.stderr, /^countersign: \/dev\/null\S* cannot be used \(ENOTDIR\): name a/)
  })
})
