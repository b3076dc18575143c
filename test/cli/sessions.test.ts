import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { after, describe, it } from 'node:test'
import { sql } from 'kysely'
import { sessionPath } from '../../src/cli/person-session.ts'
import { createClient } from '../../src/contract/index.ts'
import { removeFinished } from '../../src/jobs/remove-finished.ts'
import { beginDeviceSignIn } from '../../src/people/device-sign-in.ts'
import { ok, startVaultEnd } from '../agent/vault-end.ts'
import { startCountersign } from '../harness/countersign.ts'
import { PASSWORD } from '../harness/person.ts'
import { freePort } from '../harness/ports.ts'
import { assertProblem, refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { allRows } from '../invariants/whole-database.ts'
import { approve, openAccount, shownCode } from './person-end.ts'
import { startRecordingProxy } from './recording-proxy.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, page_url } = countersign
const anonymous = createClient({ base_url: page_url })
const begin = () => anonymous.beginDeviceSignIn({ body: { device_name: 'build-7' } })

describe('countersign login', () => {
  it('signs in by a code, says as whom, and keeps the session for this account alone', async () => {
    await using account = await openAccount(page_url)
    const running = account.start('login')
    const user_code = await shownCode(running)
    assert.match(user_code, /^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$/)
    await approve(admin, user_code)
    const { code, stdout, stderr } = await running.ended
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    assert.deepEqual(stdout.split('\n'), [
      'To sign in, open this page in a browser, on any machine:',
      `  ${page_url}/device`,
      `and enter the code: ${user_code}`,
      'Waiting for you to approve it there (Ctrl-C gives up).',
      'Signed in as ada@example.com.',
      '',
    ])
    assert.equal(await account.sessionMode(), '0600')
    const { token } = JSON.parse(await readFile(account.session_file, 'utf8'))
    assert.match(token, /^csp_\w{44}$/)
    assert.ok(!stdout.includes(token))
    const rows = await allRows(database)
    assert.ok(!rows.some(({ text }) => text.includes(token)), 'only a hash is stored')
    assert.ok(!countersign.logged.some((line) => line.includes(token)))

    const who = await account.run('whoami')
    assert.deepEqual([who.code, who.stdout], [0, `ada@example.com at ${page_url}\n`])
    const twice = await account.run('login')
    const already = 'You are signed in already, as ada@example.com.\n'
    assert.deepEqual([twice.code, twice.stdout], [0, already])
  })

  it('says so where the address is that of something else', async () => {
    await using other = await startVaultEnd(() => ({ status: 404, body: '{"message":"none"}' }))
    await using account = await openAccount(other.url)
    const { code, stderr } = await account.run('login')
    const sentence = `What answers at ${other.url} is not Countersign: it says 404. Check the address.`
    assert.deepEqual([code, stderr], [1, `countersign: ${sentence}\n`])
    await using stranger = await startVaultEnd(() => ok({ hello: 'world' }))
    await using another = await openAccount(stranger.url)
    const met = await another.run('login')
    const not = `What answers at ${stranger.url} is not Countersign. Check the address.`
    assert.deepEqual([met.code, met.stderr], [1, `countersign: ${not}\n`])
  })

  it('says so where the address is that of a vault', async () => {
    await using account = await openAccount(countersign.vault_url)
    const { code, stderr } = await account.run('login')
    const sentence = `What answers at ${countersign.vault_url} has no sign-in for command lines: give the address of the pages, with --server URL.`
    assert.deepEqual([code, stderr], [1, `countersign: ${sentence}\n`])
  })

  it('shows no code where the session could not be kept', async () => {
    await using account = await openAccount(page_url)
    await writeFile(dirname(dirname(account.session_file)), '')
    const { code, stdout, stderr } = await account.run('login')
    assert.deepEqual([code, stdout], [2, ''])
    assert.match(stderr, /^countersign: \S+session\.json cannot be used \(ENOTDIR\)\.\n$/)
  })

  it('keeps the session nowhere but at an absolute place', () => {
    const usual = sessionPath({})
    assert.equal(sessionPath({ XDG_CONFIG_HOME: 'relative' }), usual)
    assert.equal(sessionPath({ XDG_CONFIG_HOME: '/else' }), '/else/countersign/session.json')
  })

  it('waits for a server that goes away meanwhile', async () => {
    await using proxy = await startRecordingProxy(page_url)
    await using account = await openAccount(proxy.url)
    const running = account.start('login')
    const user_code = await shownCode(running)
    await proxy.hangUp()
    await approve(admin, user_code)
    const { code, stderr } = await running.ended
    assert.deepEqual([code, stderr], [0, ''])
  })

  it('ends with one line when the person says no', async () => {
    await using account = await openAccount(page_url)
    const running = account.start('login')
    const user_code = await shownCode(running)
    await admin.api.answerDeviceSignIn({ body: { user_code, approved: false } })
    const { code, stderr } = await running.ended
    assert.equal(code, 1)
    assert.equal(stderr, 'countersign: The sign-in was turned down. Nobody was signed in.\n')
    assert.ok(!existsSync(account.session_file))
  })

  it('ends with one line when the code is too old', async () => {
    await using account = await openAccount(page_url)
    const running = account.start('login')
    await shownCode(running)
    await sql`update device_sign_ins set expires_at = now()`.execute(database.db)
    const { code, stderr } = await running.ended
    assert.equal(code, 1)
    assert.match(stderr, /^countersign: The code was not used in time\. Begin again/)
  })

  it('gives up on Ctrl-C', async () => {
    await using account = await openAccount(page_url)
    const running = account.start('login')
    await shownCode(running)
    running.signal('SIGINT')
    const { code, stderr } = await running.ended
    const given_up = 'countersign: given up.\n'
    assert.deepEqual([code, stderr], [130, given_up])
    assert.ok(!existsSync(account.session_file))
  })

  it('says that nothing answers', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    await using account = await openAccount(url)
    const { code, stderr } = await account.run('login')
    assert.equal(code, 1)
    const said = `countersign: Countersign does not answer at ${url} (nothing listens there). `
    assert.ok(stderr.startsWith(said), stderr)
  })
})

describe('countersign logout', () => {
  it('ends the session here and at the server', async () => {
    await using account = await openAccount(page_url)
    await account.login(admin)
    const kept = await readFile(account.session_file, 'utf8')
    const { code, stdout } = await account.run('logout')
    assert.deepEqual([code, stdout], [0, 'Signed out.\n'])
    assert.ok(!existsSync(account.session_file))
    await writeFile(account.session_file, kept)
    const who = await account.run('whoami')
    assert.deepEqual(
      [who.code, who.stderr],
      [
        1,
        `countersign: Nobody is signed in at ${page_url}: countersign login --server ${page_url}\n`,
      ],
    )
    assert.equal((await account.run('logout')).stdout, 'Signed out.\n')
    assert.equal((await account.run('logout')).stdout, 'Nobody was signed in.\n')
  })
})

describe('a code for signing in', () => {
  it('works once, for the one who answers first', async () => {
    const { user_code, device_code } = await begin()
    await approve(admin, user_code.toLowerCase().replace('-', ' '))
    const body = { user_code, approved: false }
    await refusal(admin.api.answerDeviceSignIn({ body }), 'device-code-unknown')
    const [first, second] = await Promise.allSettled([
      anonymous.redeemDeviceSignIn({ body: { device_code } }),
      anonymous.redeemDeviceSignIn({ body: { device_code } }),
    ])
    const granted = [first, second].filter(({ status }) => status === 'fulfilled')
    assert.equal(granted.length, 1)
    const again = anonymous.redeemDeviceSignIn({ body: { device_code } })
    await refusal(again, 'device-code-expired')
  })

  it('is asked for again no faster than is said', async () => {
    const { device_code, interval } = await begin()
    const poll = () => anonymous.redeemDeviceSignIn({ body: { device_code } })
    assert.equal((await poll()).status, 'authorization_pending')
    const hasty = await until('an answer to who asks again at once', async () => {
      const said = await poll()
      return said.status === 'slow_down' && said
    })
    assert.equal(hasty.interval, interval + 5)
  })

  it('cannot be found by who reads the database and tries all codes', async () => {
    const { user_code } = await begin()
    const { user_code_hash } = await database.db
      .selectFrom('device_sign_ins')
      .select('user_code_hash')
      .orderBy('created_at', 'desc')
      .executeTakeFirstOrThrow()
    for (const text of [user_code, user_code.replace('-', '')]) {
      for (const algorithm of ['md5', 'sha1', 'sha256', 'sha512']) {
        assert.notDeepEqual(createHash(algorithm).update(text).digest(), user_code_hash)
      }
    }
  })

  it('says what asks, and nothing of a wrong one', async () => {
    const { user_code } = await begin()
    const read = await admin.api.readDeviceSignIn({ body: { user_code } })
    assert.deepEqual([read.device_name, read.ip], ['build-7', '127.0.0.1'])
    const wrong = { user_code: 'BBBB-BBBB' }
    await refusal(admin.api.readDeviceSignIn({ body: wrong }), 'device-code-unknown')
    await refusal(anonymous.readDeviceSignIn({ body: { user_code } }), 'not-signed-in')
  })

  it('cannot be guessed: one person may not try many, nor one address begin many', async () => {
    const guesser = await countersign.person('guesser')
    const wrong = { user_code: 'CCCC-CCCC' }
    for (let tries = 0; tries < 20; tries += 1) {
      await refusal(guesser.api.readDeviceSignIn({ body: wrong }), 'device-code-unknown')
    }
    const limited = await refusal(
      guesser.api.readDeviceSignIn({ body: wrong }),
      'too-many-attempts',
    )
    assert.ok((limited.extensions.retry_after ?? 0) > 200)
    const { user_code } = await begin()
    await admin.api.readDeviceSignIn({ body: { user_code } })

    await sql`update rate_limits set count = 30 where key like 'device-sign-in %'`.execute(
      database.db,
    )
    await refusal(begin(), 'too-many-attempts')

    // Rows of the day before are removed at night, and only those.
    const counted = () => database.db.selectFrom('rate_limits').select('key').execute()
    await anonymous.signIn({ body: { email: 'ada@example.com', password: PASSWORD } })
    const rows = await counted()
    await removeFinished(database.db)
    assert.deepEqual(await counted(), rows)
    await sql`update rate_limits set last_request = last_request - 86400000 - 300000
      where key like 'device-%'`.execute(database.db)
    await removeFinished(database.db)
    const left = (await counted()).map(({ key }) => key)
    assert.ok(left.length > 0 && left.every((key) => !key.startsWith('device-')), left.join())
    await sql`delete from rate_limits`.execute(database.db)
  })

  it('counts command lines by the /64 of an IPv6 address', async () => {
    const from = (ip: string) =>
      beginDeviceSignIn(database.db, {
        device_name: 'x',
        ip,
        page_url,
        session_secret: 'x'.repeat(32),
      })
    for (let host = 1; host <= 30; host += 1) await from(`2001:db8:1:2::${host}`)
    await refusal(from('2001:db8:1:2:a:b:c:d'), 'too-many-attempts')
    await from('2001:db8:1:3::1')
  })
})

describe('the session of a command line', () => {
  async function token() {
    const { user_code, device_code } = await begin()
    await approve(admin, user_code)
    const { access_token } = await anonymous.redeemDeviceSignIn({ body: { device_code } })
    return access_token ?? ''
  }
  const as = (authorization: string) =>
    createClient({ base_url: page_url, headers: { authorization } })

  it('ends, and is nothing without its checksum, and does not mix with a cookie', async () => {
    const text = await token()
    const { person } = await as(`Bearer ${text}`).getSession({})
    assert.equal(person?.email, 'ada@example.com')
    for (const wrong of [`${text}x`, text.slice(0, -1), 'csp_', '', 'x'.repeat(10_000)]) {
      await refusal(as(`Bearer ${wrong}`).listAccess({ query: {} }), 'not-signed-in')
    }
    // A cookie that is there too does not rescue a wrong token.
    const both = { cookie: admin.cookie, authorization: 'Bearer csp_x' }
    const response = await fetch(`${page_url}/api/v1/access`, { headers: both })
    await assertProblem(response, 'not-signed-in')
    await sql`update person_tokens set expires_at = now()`.execute(database.db)
    await refusal(as(`Bearer ${text}`).listAccess({ query: {} }), 'not-signed-in')
  })

  it('cannot let another command line in', async () => {
    const { api } = { api: as(`Bearer ${await token()}`) }
    const { user_code } = await begin()
    await refusal(api.readDeviceSignIn({ body: { user_code } }), 'not-signed-in')
    const body = { user_code, approved: true }
    await refusal(api.answerDeviceSignIn({ body }), 'not-signed-in')
  })

  it('does not open the door to other sites', async () => {
    const { user_code } = await begin()
    const response = await fetch(`${page_url}/api/v1/device-sign-ins/answer`, {
      method: 'POST',
      headers: {
        cookie: admin.cookie,
        'content-type': 'application/json',
        'sec-fetch-site': 'cross-site',
      },
      body: JSON.stringify({ user_code, approved: true }),
    })
    await assertProblem(response, 'origin-not-allowed')
  })

  it('goes with the person', async () => {
    const leaver = await countersign.person('leaver')
    const { user_code, device_code } = await begin()
    await approve(leaver, user_code)
    const { access_token } = await anonymous.redeemDeviceSignIn({ body: { device_code } })
    await admin.api.deletePerson({ params: { id: leaver.person.id } })
    await refusal(as(`Bearer ${access_token}`).listAccess({ query: {} }), 'not-signed-in')
  })
})
