import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { startCountersign } from '../harness/countersign.ts'
import { startDeviceForge } from '../harness/device-forge.ts'
import { disguises } from '../invariants/disguises.ts'
import { approve, CTRL_C, CTRL_D, openAccount, shownCode } from './person-end.ts'
import { startRecordingProxy } from './recording-proxy.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, forge, page_url, provider } = countersign
const { runtime } = await countersign.runtime('ci')
const ADD = ['token', 'add', '--runtime', 'ci']

/** A person of their own, signed in on a command line of their own, whose requests are kept. */
async function signedIn(name: string) {
  await using resources = new AsyncDisposableStack()
  const person = await countersign.person(name)
  const proxy = resources.use(await startRecordingProxy(page_url))
  const account = resources.use(await openAccount(proxy.url))
  await account.login(person)
  const kept = resources.move()
  return { person, account, proxy, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

describe('countersign token add', () => {
  it('seals what standard input holds, waits for the check and says what the token is', async () => {
    await using mine = await signedIn('anna')
    const { account, person, proxy } = mine
    const secret = await forge.token()
    const input = `\n  "${secret}" \n`
    const { code, stdout, stderr } = await account.startWithInput(input, ...ADD).ended
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(stdout.split('\n'), [
      'Spaces or line breaks around the token were removed.',
      'Quotes around the token were removed.',
      'Runtime "ci" is authorized for Forge, as alice.',
      'It may do: write:repository (to clone, fetch and push), read:user (to see whose token it is).',
      'When it ends is not known.',
      '',
    ])
    const { authorization } = await person.access(runtime.id)
    assert.equal(authorization?.connection.account.login, 'alice')
    assert.equal(authorization?.connection.method, 'token')

    const forms = disguises(secret)
    const sent = proxy.requests.filter((text) => forms.some((form) => text.includes(form)))
    assert.deepEqual(sent, [], 'the token never left in the clear')
    const handedIn = proxy.requests.find((text) => text.startsWith('POST /api/v1/candidates'))
    assert.match(handedIn ?? '', /"box":"csb1\./)
  })

  it('asks on a terminal without showing what is typed, and replaces the token before', async () => {
    await using mine = await signedIn('berta')
    const { account, person } = mine
    await person.addToken({ runtime_id: runtime.id, provider_id: provider.id }, await forge.token())
    const secret = await forge.token('bob')
    const ended = await account.atTerminal(secret, ...ADD, '--ends-on', '2999-12-31')
    assert.equal(ended.code, 0, ended.stdout)
    assert.ok(!ended.stdout.includes(secret))
    assert.deepEqual(ended.stdout.split('\n'), [
      `A token for runtime "ci" is made at ${forge.url}/user/settings/applications?name=countersign&scopes=read%3Auser%2Cwrite%3Arepository`,
      'It must be allowed: read:user, write:repository.',
      'Token for Forge (not shown): ',
      'The account is now bob; it was alice.',
      'Runtime "ci" is authorized for Forge, as bob.',
      'It may do: write:repository (to clone, fetch and push), read:user (to see whose token it is).',
      'It ends on 2999-12-31.',
      '',
    ])
    const connection = (await person.access(runtime.id)).authorization?.connection
    assert.equal(connection?.account.login, 'bob')
  })

  it('signs in first, and says nothing of the line break that ends its input', async () => {
    const person = await countersign.person('clara')
    await using account = await openAccount(page_url)
    const running = account.startWithInput(`${await forge.token()}\n`, ...ADD, '--yes')
    await approve(person, await shownCode(running))
    const { code, stdout } = await running.ended
    assert.equal(code, 0)
    assert.match(stdout, /\nSigned in as clara@example\.com\.\nRuntime "ci" is authorized/)
  })

  it('ends with 1 and one line when the Git host turns the token down', async () => {
    await using mine = await signedIn('dora')
    const { account, person } = mine
    const narrow = await forge.token('alice', ['read:user'])
    const lacking = await account.startWithInput(narrow, ...ADD).ended
    assert.deepEqual([lacking.code, lacking.stdout], [1, ''])
    assert.match(
      lacking.stderr,
      /^countersign: The token may do too little\. .*write:repository.* Nothing was changed\.\n$/,
    )
    assert.equal((await person.access(runtime.id)).authorization, null)

    await person.addToken({ runtime_id: runtime.id, provider_id: provider.id }, await forge.token())
    const unknown = await account.startWithInput('0'.repeat(40), ...ADD).ended
    assert.equal(unknown.code, 1)
    assert.match(
      unknown.stderr,
      /^countersign: The Git host does not accept this token\. .* The token before still works\.\n$/,
    )
    await using _away = await forge.away()
    const away = await account.startWithInput('1'.repeat(40), ...ADD).ended
    assert.equal(away.code, 1)
    assert.match(away.stderr, /^countersign: Could not check now\. .* The token before still works/)
  })

  it('sends nothing that cannot be a token', async () => {
    await using mine = await signedIn('emmy')
    const { account, proxy } = mine
    for (const [input, said] of [
      ['', 'The token is empty. Paste the token that Forge made.'],
      ['two words', 'This does not look like a token. It is several words'],
      ['x'.repeat(20_000), 'characters, and tokens have at most 8,192.'],
      [`ghp_${'a'.repeat(36)}`, 'It is a token of GitHub. Make one at Forge'],
    ] as const) {
      const { code, stderr } = await account.startWithInput(input, ...ADD).ended
      assert.equal(code, 1)
      assert.ok(stderr.includes(said) && stderr.endsWith(' Nothing was sent.\n'), stderr)
    }
    assert.ok(!proxy.requests.some((text) => text.startsWith('POST /api/v1/candidates')))
  })

  it('gives up on Ctrl-C or Ctrl-D while it asks', async () => {
    await using mine = await signedIn('frida')
    for (const key of [CTRL_C, CTRL_D]) {
      const { code, stdout } = await mine.account.atTerminal(key, ...ADD)
      assert.equal(code, 130)
      assert.match(stdout, /\ncountersign: given up\.\n$/)
    }
  })

  it('takes no token where the runtime does not', async () => {
    await using mine = await signedIn('greta')
    await using octo = await startDeviceForge(countersign)
    await admin.api.updateRuntimeProvider({ params: octo.row, body: { token_allowed: false } })
    const command = ['token', 'add', '--runtime', octo.runtime.name]
    const { code, stderr } = await mine.account.startWithInput('t', ...command).ended
    assert.equal(code, 1)
    assert.equal(
      stderr,
      `countersign: Runtime "${octo.runtime.name}" does not take pasted tokens. Authorize access ` +
        `to Octo instead: countersign authorize --runtime ${octo.runtime.name}\n`,
    )
  })

  it('ends with 2 when it is told too little or wrongly', async () => {
    await using account = await openAccount(page_url)
    for (const [words, said] of [
      [['token'], 'say what to do: token add'],
      [['token', 'remove'], 'say what to do: token add'],
      [['token', 'add'], 'say for which runtime, with --runtime NAME'],
      [[...ADD, '--ends-on', 'soon'], '"soon" is no day: write --ends-on YYYY-MM-DD'],
      [[...ADD, '--ends-on', '2999-02-29'], '"2999-02-29" is no day: write --ends-on YYYY-MM-DD'],
      [
        [...ADD, '--ends-on', '2020-01-01'],
        '2020-01-01 is over: give --ends-on the last day of the token, or leave it out',
      ],
    ] as const) {
      const { code, stderr } = await account.run(...words)
      assert.equal(code, 2)
      assert.equal(stderr, `countersign: token: ${said}. See "countersign token --help".\n`)
    }
    const help = await account.run('token', 'add', '--help')
    assert.equal(help.code, 0)
    assert.match(help.stdout, /^Add a Git personal access token of yours for a runtime/)
  })
})
