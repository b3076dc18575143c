import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { RuntimeView } from '../../src/contract/index.ts'
import { temporaryFolder } from '../agent/git-end.ts'
import {
  type Answer,
  type Call,
  credential,
  freeAddress,
  ids,
  ok,
  problem,
  runtimeView,
  startVaultEnd,
  TOKEN,
} from '../agent/vault-end.ts'
import { openTerminal } from '../harness/terminal.ts'
import { commandLine, countersign, installation, startCountersign } from './countersign.ts'
import { CTRL_C } from './person-end.ts'

const ALICE = ['run', '--as', 'alice@example.com', '--']
const page = 'http://localhost:7080/tokens'

function vaultWith(view: RuntimeView, answer: Answer = ok(credential)) {
  return startVaultEnd(({ path }: Call) => (path === '/api/v1/runtime' ? ok(view) : answer))
}

function fill(url: string): string[] {
  const { protocol, host } = new URL(url)
  const lines = `protocol=${protocol.slice(0, -1)}\\nhost=${host}\\npath=a/b.git\\n\\n`
  return ['sh', '-c', `printf '${lines}' | git credential fill`]
}

/** Runs as Alice, with a temporary folder of its own that has to be empty again at the end. */
async function asAlice(
  url: string,
  command: readonly string[],
  extra: Record<string, string> = {},
) {
  await using folder = await temporaryFolder()
  const setting = installation(url, { TMPDIR: folder.path, ...extra })
  const ended = await countersign([...ALICE, ...command], setting)
  assert.deepEqual(await readdir(folder.path), [])
  return ended
}

describe('countersign run', () => {
  it('gives Git the credential of the person, for hosts of the runtime', async () => {
    await using end = await vaultWith(runtimeView())
    const { code, stdout, stderr } = await asAlice(end.url, fill('https://git.example.com'))
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.match(stdout, new RegExp(`^password=${TOKEN}$`, 'm'))
    assert.deepEqual(
      end.calls.map(({ path, query, body }) => ({ path, query, body })),
      [
        { path: '/api/v1/runtime', query: { person: 'alice@example.com' }, body: undefined },
        {
          path: '/api/v1/credential',
          query: {},
          body: {
            person: 'alice@example.com',
            protocol: 'https',
            host: 'git.example.com',
            path: 'a/b.git',
            min_ttl: 300,
          },
        },
      ],
    )
  })

  it('does not concern itself with other hosts', async () => {
    await using end = await vaultWith(runtimeView())
    const { code } = await asAlice(end.url, fill('https://elsewhere.example'))
    assert.equal(code, 128)
    assert.equal(end.calls.length, 1)
  })

  it('commits with name and e-mail of the account', async () => {
    await using end = await vaultWith(runtimeView())
    await using repository = await temporaryFolder()
    const git = `cd '${repository.path}' && git init -q && git commit -q --allow-empty -m x`
    const log = 'git log --format="%an <%ae> %cn <%ce>"'
    const { stdout } = await asAlice(end.url, ['sh', '-c', `${git} && ${log}`])
    assert.equal(stdout, 'Alice <alice@forge.example> Alice <alice@forge.example>\n')
  })

  it('takes the account at the provider that --provider names', async () => {
    const view = runtimeView()
    view.person?.authorizations.push({
      provider_id: ids.other,
      status: 'expiring',
      account: { login: 'al', name: '', email: null, avatar_url: null },
    })
    await using end = await vaultWith(view)
    const print = ['--', 'sh', '-c', 'echo "$GIT_AUTHOR_NAME $GIT_COMMITTER_EMAIL"']
    const as = ['run', '--as', 'alice@example.com']
    const setting = installation(end.url)
    const other = await countersign([...as, '--provider', 'other', ...print], setting)
    assert.equal(other.stdout, 'al alice@example.com\n')
    const none = await countersign([...as, '--provider', 'nope', ...print], setting)
    assert.equal(none.code, 2)
    assert.match(none.stderr, /has no provider "nope", but "forge", "other"/)
  })

  it('keeps keys and settings of ours out of the environment of the command', async () => {
    await using end = await vaultWith(runtimeView())
    const { stdout } = await asAlice(end.url, ['env'], { KEPT: 'yes' })
    assert.match(stdout, /^KEPT=yes$/m)
    assert.doesNotMatch(stdout, /COUNTERSIGN_|csr_/)
    assert.ok(!stdout.includes(TOKEN))
  })

  it('works in a temporary folder with blanks and quotes, and in one that is too long', async () => {
    await using end = await vaultWith(runtimeView())
    await using folder = await temporaryFolder()
    for (const name of ["it's a folder", 'x'.repeat(120)]) {
      const TMPDIR = join(folder.path, name)
      await mkdir(TMPDIR)
      const setting = installation(end.url, { TMPDIR })
      const { code } = await countersign([...ALICE, ...fill('https://git.example.com')], setting)
      assert.equal(code, 0)
      assert.deepEqual(await readdir(TMPDIR), [])
    }
  })
})

describe('countersign run, at the end of the command', () => {
  for (const [what, command, expected] of [
    ['ends well', ['true'], 0],
    ['fails', ['sh', '-c', 'exit 7'], 7],
    ['dies of a signal', ['sh', '-c', 'kill -TERM $$'], 143],
    ['is killed', ['sh', '-c', 'kill -KILL $$'], 137],
    ['is not there', ['no-such-command'], 127],
    ['is not executable', ['/etc/passwd'], 126],
    ['lies below a file', ['/etc/passwd/x'], 126],
  ] as const) {
    it(`exits with ${expected} when it ${what}`, async () => {
      await using end = await vaultWith(runtimeView())
      assert.equal((await asAlice(end.url, command)).code, expected)
    })
  }

  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT'] as const) {
    it(`hands ${signal} on, once, and tidies up`, async () => {
      await using end = await vaultWith(runtimeView())
      await using folder = await temporaryFolder()
      const script = `
        let count = 0
        process.on('${signal}', () => { console.log('got ' + ++count) })
        process.stdin.on('end', () => process.exit(40 + count)).resume()
        console.log('ready')`
      const setting = installation(end.url, { TMPDIR: folder.path })
      const child = startCountersign([...ALICE, process.execPath, '-e', script], setting)
      const exited = once(child, 'exit')
      const output = child.stdout.setEncoding('utf8')[Symbol.asyncIterator]()
      assert.equal((await output.next()).value, 'ready\n')
      child.kill(signal)
      assert.equal((await output.next()).value, 'got 1\n')
      child.stdin.end()
      assert.deepEqual(await exited, [41, null])
      assert.deepEqual(await readdir(folder.path), [])
    })
  }

  it('leaves Ctrl-C to the terminal, which sends it to the command itself', async () => {
    await using end = await vaultWith(runtimeView())
    await using folder = await temporaryFolder()
    // The SIGTERM that we hand on comes after whatever we may have made of the SIGINT.
    const script = `
      let count = 0
      process.on('SIGINT', () => {
        count += 1
        process.kill(process.ppid, 'SIGTERM')
      })
      process.on('SIGTERM', () => process.exit(40 + count))
      setInterval(() => {}, 1000)
      console.log('ready')`
    const setting = installation(end.url, { TMPDIR: folder.path })
    const line = commandLine([...ALICE, process.execPath, '-e', script])
    const terminal = openTerminal(line, setting.env, { at: /ready/, keys: CTRL_C })
    assert.equal(await terminal.ended, 41)
    assert.equal(terminal.shown(), 'ready\n^C')
    assert.deepEqual(await readdir(folder.path), [])
  })
})

describe('countersign run, refused', () => {
  const missing = problem(
    'authorization-missing',
    'alice@example.com has not authorized runtime "local" for http://localhost:7082.',
    { page },
  )

  it('says once what to do, after which Git stops', async () => {
    await using end = await vaultWith(runtimeView(), missing)
    const [shell, flag, command] = fill('http://localhost:7082')
    const twice = [shell ?? '', flag ?? '', `${command}; ${command}`]
    const { code, stderr } = await asAlice(end.url, twice)
    assert.equal(code, 128)
    const lines = stderr.trim().split('\n')
    const ours = lines.filter((line) => line.startsWith('countersign: '))
    assert.deepEqual(ours, [
      `countersign: alice@example.com has not authorized runtime "local" for http://localhost:7082. Authorize it at ${page}`,
    ])
    const gits = lines.filter((line) =>
      /^fatal: credential helper '.*' told us to quit$/.test(line),
    )
    assert.equal(gits.length, 2)
    assert.equal(lines.length, 3)
  })

  it('lets the command end by itself where nobody reads what it says', async () => {
    await using end = await vaultWith(runtimeView(), missing)
    await using folder = await temporaryFolder()
    const [shell, flag, command] = fill('http://localhost:7082')
    const setting = installation(end.url, { TMPDIR: folder.path })
    // The end of standard input comes after Git was refused, and after the line about it.
    const script = `${command}; echo refused; cat; exit 7`
    const child = startCountersign([...ALICE, shell ?? '', flag ?? '', script], setting)
    child.stderr.destroy()
    const exited = once(child, 'exit')
    const output = child.stdout.setEncoding('utf8')[Symbol.asyncIterator]()
    assert.equal((await output.next()).value, 'refused\n')
    child.stdin.end()
    assert.deepEqual(await exited, [7, null])
    assert.deepEqual(await readdir(folder.path), [])
  })

  it('lets nothing steer the terminal', async () => {
    const nasty = problem('credential-rejected', 'Red \x1b[31m\nsecond line', { page })
    await using end = await vaultWith(runtimeView(), nasty)
    const { stderr } = await asAlice(end.url, fill('http://localhost:7082'))
    const [first] = stderr.split('\n')
    assert.equal(first, `countersign: Red [31m second line Replace the token at ${page}`)
  })

  it('stops Git when the vault goes away meanwhile', async () => {
    await using end = await vaultWith(runtimeView(), 'hang up')
    const { code, stderr } = await asAlice(end.url, fill('http://localhost:7082'))
    assert.equal(code, 128)
    assert.match(stderr, /^countersign: The vault at http:\S+ does not answer \(it hung up\)\.\n/)
  })

  for (const [what, change, expected] of [
    [
      'the person has authorized nothing, or is not here',
      (view: RuntimeView) => ({ ...view, person: null }),
      `alice@example.com has not authorized runtime "local" for https://git.example.com or http://localhost:7082. Authorize it at ${page} or, for somebody who is not here yet, ask an administrator`,
    ],
    [
      'nothing is authorized',
      (view: RuntimeView) => withAuthorizations(view, () => []),
      `alice@example.com has not authorized runtime "local" for https://git.example.com or http://localhost:7082. Authorize it at ${page}`,
    ],
    [
      'no token works',
      (view: RuntimeView) =>
        withAuthorizations(view, (all) => all.map((one) => ({ ...one, status: 'expired' }))),
      `The token of alice@example.com for https://git.example.com does not work on runtime "local". Replace it at ${page}`,
    ],
    [
      'the runtime has no Git host',
      (view: RuntimeView) => ({ ...view, providers: [] }),
      'No Git host is set up for runtime "local". See http://localhost:7080/admin/runtimes',
    ],
  ] as const) {
    it(`runs nothing when ${what}`, async () => {
      await using end = await vaultWith(change(runtimeView()))
      const { code, stdout, stderr } = await asAlice(end.url, ['echo', 'ran'])
      assert.deepEqual({ code, stdout }, { code: 3, stdout: '' })
      assert.equal(stderr, `countersign: ${expected}\n`)
    })
  }

  it('runs nothing where there is no place for its socket', async () => {
    await using end = await vaultWith(runtimeView())
    const setting = installation(end.url, { TMPDIR: '/etc/passwd' })
    const { code, stdout, stderr } = await countersign([...ALICE, 'echo', 'ran'], setting)
    assert.deepEqual({ code, stdout }, { code: 2, stdout: '' })
    assert.equal(
      stderr,
      'countersign: /etc/passwd cannot be used (ENOTDIR): name another in TMPDIR.\n',
    )
  })

  it('runs nothing with a key that the vault does not know', async () => {
    await using end = await startVaultEnd(() =>
      problem('runtime-key-invalid', 'Ask an administrator for a new one.'),
    )
    const { code, stdout, stderr } = await asAlice(end.url, ['echo', 'ran'])
    assert.deepEqual({ code, stdout }, { code: 3, stdout: '' })
    assert.equal(
      stderr,
      'countersign: Ask an administrator for a new one. The key is from COUNTERSIGN_RUNTIME_KEY.\n',
    )
  })

  it('runs nothing while the vault is away, or is something else', async () => {
    const url = await freeAddress()
    const away = await asAlice(url, ['echo', 'ran'])
    assert.deepEqual([away.code, away.stdout], [3, ''])
    assert.match(away.stderr, /does not answer \(nothing listens there\)\. Start Countersign there/)

    await using page404 = await startVaultEnd(() => ({ status: 404, body: '<html>' }))
    const elsewhere = await asAlice(page404.url, ['echo', 'ran'])
    assert.deepEqual([elsewhere.code, elsewhere.stdout], [3, ''])
    assert.match(
      elsewhere.stderr,
      /at http:\S+ is not Countersign: it says 404\. Check the address/,
    )
    const secure = await asAlice(page404.url.replace('http:', 'https:'), ['echo', 'ran'])
    assert.match(secure.stderr, /does not answer \(what listens there speaks no TLS\)/)
  })
})

type Authorizations = NonNullable<RuntimeView['person']>['authorizations']

function withAuthorizations(
  view: RuntimeView,
  change: (all: Authorizations) => Authorizations,
): RuntimeView {
  const person = view.person && {
    ...view.person,
    authorizations: change(view.person.authorizations),
  }
  return { ...view, person }
}
