import assert from 'node:assert/strict'
import { mkdir, mkdtempDisposable, readdir, rm, rmdir, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, suite, test } from 'node:test'
import { sql } from 'kysely'
import { problemUri } from '../../src/contract/index.ts'
import { startCountersign } from '../harness/countersign.ts'
import {
  ALICE,
  ageFailure,
  authorized,
  connectionOf,
  endAccess,
  TOKEN_ENDPOINT,
} from '../harness/granted.ts'
import { authorizeWithOAuth, registerClient } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'

const data = await mkdtempDisposable(join(tmpdir(), 'countersign-data-'))
after(() => data.remove())
const countersign = await startCountersign({
  env: { COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: '5', COUNTERSIGN_DATA: data.path },
})
after(() => countersign[Symbol.asyncDispose]())
const { admin, forge, database } = countersign
const { row, ask } = await authorized(countersign)
const fault = (kind: string, more: object = {}) =>
  forge.control('POST', '/control/faults', { match: TOKEN_ENDPOINT, kind, ...more })
const json = (body: unknown, more: object = {}) =>
  fault('answer', { body: JSON.stringify(body), ...more })

/** Nobody's tokens; a forge that has replaced the old ones would give such. */
const TOKENS = { access_token: 'a', refresh_token: 'r', token_type: 'bearer', expires_in: 3600 }

const WAITS = /asks us to wait/
const nothing: [name: string, begin: () => Promise<unknown>, why?: RegExp][] = [
  ['a page', () => fault('html')],
  ['a page with status 401', () => fault('html', { status: 401 })],
  ['an answer of 3 MB', () => fault('endless'), /\. \S+ sent an answer without end\./],
  ['nothing, hanging up', () => fault('reset'), /\. \S+ could not be reached: it hung up\./],
  ['the way to another host', () => fault('redirect', { location: 'http://127.0.0.1:1/' })],
  ['status 429', () => fault('status', { status: 429, retry_after: 3600 }), WAITS],
  ['status 429 for an age', () => fault('status', { status: 429, retry_after: 1e15 }), WAITS],
  ['a list of tokens', () => json([TOKENS])],
  ['tokens of another type', () => json({ ...TOKENS, token_type: 'mac' })],
  ['status 200 with an error that nobody knows', () => json({ error: 'try_later' })],
]

/** The forge answers as it should, and the time for which it asked to be left alone is over. */
async function wellAgain(): Promise<void> {
  await forge.control('DELETE', '/control/faults')
  await sql`update provider_paces set paused_until = now(), slowness = 1`.execute(database.db)
}

suite('a token endpoint that answers with', () => {
  afterEach(wellAgain)

  for (const [name, begin, why = /new token\.$|authorization\. Nothing/] of nothing) {
    test(`${name} has said nothing about the grant`, async () => {
      await endAccess(countersign)
      await begin()
      await refusal(ask(), 'provider-unavailable')
      const away = await connectionOf(countersign)
      assert.equal(away.status, 'valid')
      assert.match(away.check_failed_reason ?? '', /could not be asked for a new token/)
      assert.match(away.check_failed_reason ?? '', why)
      const soon = Date.now() + 2 * 3600 * 1000
      assert.ok(away.refresh_due_at && away.refresh_due_at.getTime() < soon, 'it is tried again')
      const turnedDown = await authorizeWithOAuth(admin, row, ALICE)
      assert.equal(turnedDown.problem?.type, problemUri('authorization-failed'))
      assert.match(turnedDown.problem.detail, /Nothing was changed; try again/)
      assert.match(turnedDown.problem.detail, why)
      await wellAgain()
      assert.equal((await authorizeWithOAuth(admin, row, ALICE)).status, 'completed')
      await endAccess(countersign)
      await ask()
      assert.equal((await connectionOf(countersign)).check_failed_at, null)
    })
  }

  test('a secret in the place of an error has no part of it written down', async () => {
    const error = 'canary_in_an_error'
    await endAccess(countersign)
    await json({ error }, { status: 400 })
    await refusal(ask(), 'provider-unavailable')
    const { rows } = await sql<{ reason: string }>`select reason from audit
      where action = 'connection.refresh' order by at desc, id desc limit 1`.execute(database.db)
    assert.deepEqual(rows, [{ reason: 'transient' }])
    const { rows: found } = await sql`select 1 from audit where audit::text like ${`%${error}%`}
      `.execute(database.db)
    assert.deepEqual(found, [])
  })

  for (const [name, error, outcome] of [
    ['an error in status 200', 'invalid_grant', 'reauthorization_required'],
    ['a client error in status 200', 'invalid_client', 'valid'],
  ] as const) {
    test(`${name} has said it all the same`, async () => {
      await endAccess(countersign)
      await json({ error, error_description: 'words of the host' })
      const type =
        outcome === 'valid' ? 'provider-unavailable' : ('reauthorization-required' as const)
      const { detail } = await refusal(ask(), type)
      assert.doesNotMatch(detail, /words of the host/)
      assert.equal((await connectionOf(countersign)).status, outcome)
      await forge.control('DELETE', '/control/faults')
      await authorizeWithOAuth(admin, row, ALICE)
    })
  }

  for (const [name, strays, status] of [
    ['status 201', {}, 201],
    ['no type that there is', { token_type: null }, 200],
    ['a scope that cannot be stored', { scope: 'write:repository read:user x\0y' }, 200],
  ] as const) {
    test(`${name} has granted tokens all the same`, async () => {
      await endAccess(countersign)
      const access_token = await forge.token('alice')
      await json({ ...TOKENS, access_token, ...strays }, { status })
      assert.equal((await ask()).password, access_token)
      await wellAgain()
      await authorizeWithOAuth(admin, row, ALICE)
    })
  }

  test('what is no file in the place of an answer is in nobody’s way', async () => {
    await endAccess(countersign)
    const { id, version } = await connectionOf(countersign)
    const place = join(data.path, 'refresh-journal', `${id}.${version}`)
    await mkdir(place)
    await ask()
    assert.equal((await connectionOf(countersign)).version, version + 1)
    await rmdir(place)
  })

  test('an answer on disk that cannot be read is waited for, as what asked for it may be used up', async () => {
    await endAccess(countersign)
    const { id, version } = await connectionOf(countersign)
    const place = join(data.path, 'refresh-journal', `${id}.${version}`)
    await writeFile(place, '')
    // No account may read so much at once.
    await truncate(place, 2 ** 31)
    const asked = await forge.calls(TOKEN_ENDPOINT)
    await refusal(ask(), 'provider-unavailable')
    const waiting = await connectionOf(countersign)
    assert.deepEqual([waiting.status, waiting.version], ['valid', version])
    assert.equal(await forge.calls(TOKEN_ENDPOINT), asked)
    assert.ok(countersign.logged.some((line) => line.includes('waits for what is on disk')))
    await rm(place)
    await ask()
    assert.equal((await connectionOf(countersign)).version, version + 1)
  })

  test('tokens in a form that cannot be read has them on disk until others are there', async () => {
    await endAccess(countersign)
    const { id, version } = await connectionOf(countersign)
    const onDisk = () => readdir(join(data.path, 'refresh-journal'))
    // Those of the tests above are outdated, and are removed within a second or so.
    const earlier = await onDisk()
    const kept = async () => (await onDisk()).filter((name) => !earlier.includes(name))
    await json([{ ...TOKENS, access_token: 'canary_in_a_list' }])
    await refusal(ask(), 'provider-unavailable')
    assert.deepEqual(await kept(), [`${id}.${version}`])
    await ageFailure(countersign)
    await forge.control('DELETE', '/control/faults')
    await json({ error: 'try_later' })
    await refusal(ask(), 'provider-unavailable')
    assert.deepEqual(await kept(), [`${id}.${version}`])
    const said = countersign.logged.filter((line) => line.includes('it stays on disk'))
    assert.equal(said.filter((line) => line.includes(`"version":${version},`)).length, 1)
    assert.ok(!countersign.logged.join().includes('canary_in_a_list'))
    await wellAgain()
    await ageFailure(countersign)
    await ask()
    assert.deepEqual(await kept(), [])
  })

  test('a life of a thousand million years is believed for a hundred', async () => {
    await endAccess(countersign)
    const access_token = await forge.token('alice')
    await json({ ...TOKENS, access_token, expires_in: 1e300 })
    assert.equal((await ask()).password, access_token)
    const { rows } = await sql<{ years: number }>`
      select extract(year from age(access_expires_at, now()))::int as years
      from connections where method = 'oauth'`.execute(database.db)
    assert.ok((rows[0]?.years ?? 0) >= 99)
    await forge.control('DELETE', '/control/faults')
    await authorizeWithOAuth(admin, row, ALICE)
  })
})

suite('an app', () => {
  test('that asks for less than is needed is told what is missing', async () => {
    const { runtime } = await countersign.runtime()
    const narrow = { runtime_id: runtime.id, provider_id: row.provider_id }
    await admin.api.updateRuntimeProvider({
      params: narrow,
      body: { auth_mode: 'default_client' },
    })
    await sql`update runtime_providers set scopes = '{read:user}'
      where runtime_id = ${runtime.id}`.execute(database.db)
    const bob = await countersign.person('bob')
    const done = await authorizeWithOAuth(bob, narrow, { login: 'bob', password: 'bob-demo' })
    assert.equal(done.status, 'refused')
    assert.equal(done.problem?.type, problemUri('scopes-narrowed'))
    assert.match(done.problem.detail, /write:repository is missing/)
    assert.equal((await bob.access(runtime.id)).authorization, null)
    await admin.api.deleteRuntime({ params: { id: runtime.id } })
  })

  test('that was deleted at the Git host marks no token bad, and a new one mends it', async () => {
    const token = await forge.token('alice', ['all'])
    const path = `${forge.url}/api/v1/user/applications/oauth2`
    const headers = { authorization: `token ${token}` }
    const apps = (await (await fetch(path, { headers })).json()) as { id: number }[]
    for (const { id } of apps) await fetch(`${path}/${id}`, { method: 'DELETE', headers })
    await endAccess(countersign)
    const { detail } = await refusal(ask(), 'provider-unavailable')
    assert.match(detail, /An administrator must mend it/)
    const { authorization } = await admin.access(row.runtime_id)
    assert.equal(authorization?.connection.status, 'valid')
    assert.match(
      authorization.connection.check_failed?.reason ?? '',
      /does not accept our OAuth app/,
    )

    await registerClient(admin, { url: forge.url, token }, row)
    await endAccess(countersign)
    await refusal(ask(), 'reauthorization-required')
    assert.equal((await authorizeWithOAuth(admin, row, ALICE)).status, 'completed')
    await ask()
  })
})
