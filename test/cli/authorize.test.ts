import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { sql } from 'kysely'
import { startCountersign } from '../harness/countersign.ts'
import { outcomeOf, startDeviceForge } from '../harness/device-forge.ts'
import { authorizeWithOAuth, registerClient } from '../harness/oauth.ts'
import { type Account, approve, openAccount, type Running, shownCode } from './person-end.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge: sandbox, page_url, provider } = countersign
const octo = await startDeviceForge(countersign)
after(() => octo[Symbol.asyncDispose]())
const { devices, forge, runtime } = octo
const RUNTIME = ['--runtime', runtime.name]
const AUTHORIZED = `Runtime "${runtime.name}" is authorized for Octo, as carol.\n`

/** A person of their own, signed in on a command line of their own. */
async function signedIn(name: string) {
  const person = await countersign.person(name)
  const account = await openAccount(page_url)
  await account.login(person)
  return {
    person,
    account,
    [Symbol.asyncDispose]: () => account[Symbol.asyncDispose](),
  }
}

async function authorize(account: Account, login: string, ...more: string[]) {
  const running = account.start('authorize', ...RUNTIME, ...more)
  devices.approve(await shownCode(running), login)
  return await running.ended
}

describe('countersign authorize', () => {
  it('signs in first, shows page and code, and says who it became', async () => {
    const person = await countersign.person('anna')
    await using account = await openAccount(page_url)
    const running = account.start('authorize', ...RUNTIME, '--yes')
    const first = await shownCode(running)
    await approve(person, first)
    await running.says(/Signed in as anna@example\.com\./)
    const [, code = ''] = await running.says(
      /\nand enter the code: (\S{4}-\S{4})\nWaiting for you to allow/,
    )
    devices.approve(code, 'carol')
    const ended = await running.ended
    assert.deepEqual([ended.code, ended.stderr], [0, ''])
    assert.deepEqual(ended.stdout.split('\n').slice(4), [
      'Signed in as anna@example.com.',
      `Runtime "${runtime.name}" will act as you at Octo. It may do: repo (to clone, fetch and push).`,
      'Asking Octo for a code (Ctrl-C gives up).',
      'Open this page in a browser, on any machine, and sign in there:',
      `  ${forge.url}/login/device`,
      `and enter the code: ${code}`,
      'Waiting for you to allow it (Ctrl-C gives up).',
      AUTHORIZED.trim(),
      '',
    ])
    const { authorization } = await person.access(runtime.id)
    assert.equal(authorization?.connection.account.login, 'carol')

    const again = await account.run('authorize', '--runtime', runtime.id)
    assert.deepEqual([again.code, again.stdout], [0, AUTHORIZED])
  })

  it('asks after a sign-in whether it was them, before anything is authorized', async () => {
    const [anna, mallory] = [await countersign.person('agnes'), await countersign.person('mallory')]
    await using account = await openAccount(page_url)
    const calls = forge.calls.length
    const lured = account.startAtTerminal('n', 'authorize', ...RUNTIME)
    await approve(mallory, await shownCode(lured))
    const { code, stdout } = await lured.ended
    assert.equal(code, 1)
    assert.match(stdout, /Go on as mallory@example\.com\? \[y\/N\]/)
    assert.match(stdout, /countersign: Nothing was changed, and nobody is signed in\.\n$/)
    assert.ok(!existsSync(account.session_file))
    assert.equal(await sessionsOf(mallory.person.id), 0)
    assert.equal(forge.calls.length, calls, 'the Git host was not asked')

    const right = account.startAtTerminal('y', 'authorize', ...RUNTIME)
    await approve(anna, await shownCode(right))
    const [, user_code = ''] = await right.says(/enter the code: (\S+)\nWaiting for you to allow/)
    devices.approve(user_code, 'carol')
    assert.equal((await right.ended).code, 0)
    assert.ok((await anna.access(runtime.id)).authorization)
  })

  it('signs nobody in where there is no terminal to ask at', async () => {
    await using account = await openAccount(page_url)
    const { code, stdout, stderr } = await account.run('authorize', ...RUNTIME)
    assert.deepEqual([code, stdout], [1, ''])
    assert.equal(
      stderr,
      `countersign: Nobody is signed in at ${page_url}, and there is no terminal to ask at. ` +
        `Run this first, then the same again: countersign login --server ${page_url}\n`,
    )
  })

  it('ends with 1 and one line when the person says no, or takes too long', async () => {
    await using mine = await signedIn('berta')
    const no = mine.account.start('authorize', ...RUNTIME)
    devices.deny(await shownCode(no))
    const denied = await no.ended
    assert.equal(denied.code, 1)
    assert.match(denied.stderr, /^countersign: You said no at the Git host\. Nothing was changed\./)

    const slow = mine.account.start('authorize', ...RUNTIME)
    devices.expire(await shownCode(slow))
    const late = await slow.ended
    assert.equal(late.code, 1)
    assert.match(late.stderr, /^countersign: The code was not used in time\. Nothing was changed\./)
    assert.equal((await mine.person.access(runtime.id)).authorization, null)
  })

  it('says what it waits for while the Git host gives no code, and gives up on Ctrl-C', async (t) => {
    await using mine = await signedIn('bettina')
    forge.interruption = { status: 503 }
    t.after(() => {
      forge.interruption = undefined
    })
    const running = mine.account.start('authorize', ...RUNTIME)
    await running.says(/\nAsking Octo for a code \(Ctrl-C gives up\)\.\n/)
    running.signal('SIGINT')
    const { code, stderr } = await running.ended
    assert.deepEqual([code, stderr], [130, 'countersign: given up. Nothing was changed.\n'])
  })

  it('gives up on Ctrl-C, and the Git host is not asked any more', async () => {
    await using mine = await signedIn('clara')
    const running = mine.account.start('authorize', ...RUNTIME)
    await shownCode(running)
    running.signal('SIGINT')
    const { code, stderr } = await running.ended
    assert.deepEqual([code, stderr], [130, 'countersign: given up. Nothing was changed.\n'])
    const left = await database.db
      .selectFrom('authorization_requests')
      .select('id')
      .where('owner_id', '=', mine.person.person.id)
      .execute()
    assert.deepEqual(left, [])
  })

  it('says on Ctrl-C what is so when it was allowed a moment before', async () => {
    await using mine = await signedIn('cleo')
    const { person } = mine
    const page = `${page_url}/tokens/${octo.row.runtime_id}/${octo.row.provider_id}`
    const owner_id = person.person.id
    const requests = () =>
      database.db.selectFrom('authorization_requests').select('id').where('owner_id', '=', owner_id)

    const early = mine.account.start('authorize', ...RUNTIME)
    await shownCode(early)
    early.signal('SIGSTOP')
    await sql`update authorization_requests set status = 'exchanging'
      where owner_id = ${owner_id}`.execute(database.db)
    assert.deepEqual(await resumedAndInterrupted(early), [
      130,
      `countersign: given up. You had allowed it already: see ${page}\n`,
    ])
    await database.db.deleteFrom('authorization_requests').execute()

    const late = mine.account.start('authorize', ...RUNTIME)
    const user_code = await shownCode(late)
    late.signal('SIGSTOP')
    const { id } = await requests().executeTakeFirstOrThrow()
    devices.approve(user_code, 'carol')
    assert.equal((await outcomeOf(person, id)).status, 'completed')
    assert.deepEqual(await resumedAndInterrupted(late), [
      130,
      `countersign: given up. You had allowed it already: runtime "${runtime.name}" is ` +
        `authorized for Octo. To take that back: ${page}\n`,
    ])
    assert.ok((await person.access(runtime.id)).authorization)
  })

  it('waits for a check that is under way, and begins nothing anew', async () => {
    await using mine = await signedIn('constanze')
    await authorize(mine.account, 'carol')
    const owner_id = mine.person.person.id
    await sql`update connections set check_requested_at = now()
      where owner_id = ${owner_id}`.execute(database.db)
    const running = mine.account.start('authorize', ...RUNTIME)
    await running.says(/^The Git host is being asked about the token there is/)
    await sql`update connections set check_requested_at = null
      where owner_id = ${owner_id}`.execute(database.db)
    await nudge(owner_id)
    const { code, stdout } = await running.ended
    assert.equal(code, 0)
    assert.equal(stdout.split('\n').slice(1).join('\n'), AUTHORIZED)
  })

  it('asks before another account takes the place of the one before', async () => {
    await using mine = await signedIn('dora')
    const { account, person } = mine
    await authorize(account, 'carol')
    await sql`update connections set status = 'reauthorization_required'
      where owner_id = ${person.person.id}`.execute(database.db)
    const refused = await authorize(account, 'dave')
    assert.equal(refused.code, 1)
    assert.equal(
      refused.stderr,
      'countersign: You signed in at Octo as dave; until now it was carol. Nothing was changed. ' +
        'To replace it, use --replace-account.\n',
    )
    assert.equal((await person.access(runtime.id)).authorization?.connection.account.login, 'carol')
    const replaced = await authorize(account, 'dave', '--replace-account')
    assert.equal(replaced.code, 0)
    assert.match(replaced.stdout, /is authorized for Octo, as dave\.\n$/)
  })

  it('lets another runtime use what is there, after a word of its own', async () => {
    await using mine = await signedIn('emmy')
    const { account, person } = mine
    await authorize(account, 'carol')
    const other = await octo.anotherRuntime('second')
    const command = ['authorize', '--runtime', 'second']
    const calls = forge.calls.length

    const silent = await account.run(...command)
    assert.equal(silent.code, 1)
    assert.match(silent.stderr, /Let runtime "second" act as carol there\? Say yes with --yes/)
    const no = await account.atTerminal('n', ...command)
    assert.equal(no.code, 1)
    assert.match(
      no.stdout,
      /act as carol there\? It may do: repo \(to clone, fetch and push\)\. \[y\/N\]/,
    )
    assert.match(no.stdout, /countersign: Nothing was changed\./)
    assert.equal((await person.access(other.id)).authorization, null)
    const yes = await account.atTerminal('y', ...command)
    assert.equal(yes.code, 0, yes.stdout)
    assert.match(yes.stdout, /Runtime "second" is authorized for Octo, as carol\.\n$/)
    assert.equal((await person.access(other.id)).authorization?.connection.method, 'oauth')

    await octo.anotherRuntime('third')
    const third = await account.run('authorize', '--runtime', 'third', '--yes')
    assert.equal(third.code, 0)
    assert.equal(forge.calls.length, calls, 'the Git host was not asked')
  })
})

describe('countersign authorize, where there are no codes', () => {
  it('prints the page and waits: the app has the flow turned off', async () => {
    await using mine = await signedIn('frida')
    devices.off = true
    const running = mine.account.start('authorize', ...RUNTIME)
    const page = `${page_url}/tokens/${octo.row.runtime_id}/${octo.row.provider_id}`
    await running.says(/and press "Authorize access to Octo"\. Waiting/)
    devices.off = false
    // What the page would do, done from elsewhere.
    await using elsewhere = await openAccount(page_url)
    await elsewhere.login(mine.person)
    await authorize(elsewhere, 'carol')
    const { code, stdout, stderr } = await running.ended
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(stdout.split('\n'), [
      `Runtime "${runtime.name}" will act as you at Octo. It may do: repo (to clone, fetch and push).`,
      'Asking Octo for a code (Ctrl-C gives up).',
      `Open ${page}`,
      'and press "Authorize access to Octo". Waiting (Ctrl-C gives up).',
      AUTHORIZED.trim(),
      '',
    ])
  })

  it('prints the page and waits: the Git host has no such flow', async () => {
    await using mine = await signedIn('greta')
    const { runtime: on_gitea } = await countersign.runtime('on-gitea')
    const row = { runtime_id: on_gitea.id, provider_id: provider.id }
    const token = await sandbox.token('alice', ['all'])
    await registerClient(admin, { url: sandbox.url, token }, row)
    const running = mine.account.start('authorize', '--runtime', 'on-gitea')
    await running.says(/and press "Authorize access to Forge"\. Waiting/)
    await authorizeWithOAuth(mine.person, row, { login: 'alice', password: 'alice-demo' })
    const { code, stdout } = await running.ended
    assert.equal(code, 0)
    assert.match(stdout, /is authorized for Forge, as alice\.\n$/)
  })

  it('prints the page where tokens are pasted, and goes on when one is there', async () => {
    await using mine = await signedIn('hanna')
    const { runtime: pasted } = await countersign.runtime('pasted')
    const running = mine.account.start('authorize', '--runtime', 'pasted')
    await running.says(/and paste a token\. Waiting/)
    const row = { runtime_id: pasted.id, provider_id: provider.id }
    await mine.person.addToken(row, await sandbox.token())
    assert.equal((await running.ended).code, 0)
  })

  it('says that no app is registered, and whom to ask', async () => {
    await using mine = await signedIn('inge')
    await using bare = await startDeviceForge(countersign, 'Bare')
    const params = { provider_id: bare.provider.id }
    const { items } = await admin.api.listClients({ query: {} })
    const client = items.find((one) => one.provider.id === params.provider_id)
    await admin.api.deleteClient({ params: { id: client?.id ?? '' } })
    const { code, stderr } = await mine.account.run('authorize', '--runtime', 'on-bare')
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^countersign: Git app not registered\. No OAuth app is registered for Bare\./,
    )
    assert.match(
      stderr,
      /Ask ada \(ada@example\.com\) to register one\. Or add a token: countersign token add --runtime on-bare, or http/,
    )
  })
})

describe('countersign authorize, told too little or wrongly', () => {
  it('names the Git hosts, or says that there is no such runtime', async () => {
    await using mine = await signedIn('judith')
    const { account } = mine
    const provider_ids = [provider.id, octo.provider.id]
    await admin.api.createRuntime({ body: { name: 'both', provider_ids } })
    const both = await account.run('authorize', '--runtime', 'both')
    assert.equal(both.code, 2)
    assert.match(
      both.stderr,
      /say for which Git host, with --provider: "Forge" \(127\.0\.0\.1:\d+\), "Octo"/,
    )
    const wrong = await account.run('authorize', '--runtime', 'both', '--provider', 'nope')
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /runtime "both" has no Git host "nope", but "Forge"/)
    const host = new URL(sandbox.url).host
    const named = account.start('authorize', '--runtime', 'both', '--provider', host)
    await named.says(/is authorized for Forge with a token/)
    await interrupted(named)
    const none = await account.run('authorize', '--runtime', 'nope')
    assert.equal(none.code, 1)
    assert.match(none.stderr, /^countersign: There is no runtime "nope"/)
  })

  it('notices that the session has ended', async () => {
    await using mine = await signedIn('klara')
    const running = mine.account.start('authorize', ...RUNTIME)
    await shownCode(running)
    await sql`delete from person_tokens where person_id = ${mine.person.person.id}`.execute(
      database.db,
    )
    await nudge(mine.person.person.id)
    const { code, stderr } = await running.ended
    assert.equal(code, 1)
    assert.match(stderr, /^countersign: You are not signed in\. /)
  })
})

async function sessionsOf(person_id: string): Promise<number> {
  const rows = await database.db
    .selectFrom('person_tokens')
    .select('id')
    .where('person_id', '=', person_id)
    .execute()
  return rows.length
}

/** A command that was stopped notices that it is given up before it notices anything else. */
async function resumedAndInterrupted(running: Running) {
  running.signal('SIGINT')
  running.signal('SIGCONT')
  const { code, stderr } = await running.ended
  return [code, stderr]
}

async function interrupted(running: Running): Promise<void> {
  running.signal('SIGTERM')
  assert.equal((await running.ended).code, 130)
}

/** Tells open streams of the person that something changed. */
async function nudge(owner_id: string): Promise<void> {
  const change = { name: 'access', owner_id, id: owner_id }
  await sql`select pg_notify('countersign_changes', ${JSON.stringify(change)})`.execute(database.db)
}
