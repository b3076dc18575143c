import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, beforeEach, suite, test } from 'node:test'
import { sql } from 'kysely'
import { type AuthorizationRequest, callbackPath, problemUri } from '../../src/contract/index.ts'
import { startCountersign } from '../harness/countersign.ts'
import { startForge } from '../harness/forge.ts'
import { ALICE, authorized, connectionOf, TOKEN_ENDPOINT } from '../harness/granted.ts'
import { answerAtForge, beginOAuth, comeBack, registerClient } from '../harness/oauth.ts'
import { PASSWORD } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, forge, database, page_url } = countersign
const { row, ask } = await authorized(countersign)
const OURS = new URL(page_url).origin
const UNKNOWN = `${OURS}/tokens?problem=authorization-request-unknown`
const LATE = `${OURS}/tokens?problem=authorization-request-expired`
/** Where the row of a request that was found shows how it went. */
const rowOf = (id: string) => `${OURS}/tokens/${row.runtime_id}/${row.provider_id}?request=${id}`

/** An authorization that was begun, and the callback with which the forge answers it. */
async function answered(): Promise<{ id: string; callback: URL }> {
  const { request, authorization_url } = await beginOAuth(admin, row)
  return { id: request.id, callback: new URL(await answerAtForge(authorization_url, ALICE)) }
}

const comesBack = async (callback: URL, cookie = admin.cookie) =>
  (await comeBack(callback.href, cookie)).href

async function ended(id: string): Promise<AuthorizationRequest> {
  await using events = await admin.events()
  return await events.until(async () => {
    const now = await admin.api.getAuthorizationRequest({ params: { id } })
    return now.status === 'pending' || now.status === 'exchanging' ? undefined : now
  })
}

/** A second Git host with an app of ours, and a runtime that uses it. */
async function anotherForge() {
  await using resources = new AsyncDisposableStack()
  const forge = resources.use(await startForge())
  const provider = await admin.api.createProvider({
    body: {
      kind: 'gitea',
      name: forge.url,
      base_url: forge.url,
      private_address_confirmed: true,
    },
  })
  const { runtime } = await admin.api.createRuntime({
    body: { name: forge.url.replace(/\W+/g, '-'), provider_ids: [provider.id] },
  })
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  await registerClient(admin, { url: forge.url, token: await forge.token('alice', ['all']) }, row)
  const kept = resources.move()
  return { forge, row, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** What was refused has changed nothing, and the forge was asked so often for tokens. */
async function assertUnchanged(version: number, calls = 0): Promise<void> {
  assert.equal(await forge.calls(TOKEN_ENDPOINT), calls)
  assert.equal((await connectionOf(countersign)).version, version)
  await ask()
}

let version = 0
beforeEach(async () => {
  await forge.control('DELETE', '/control/calls')
  version = (await connectionOf(countersign)).version
})

suite('an authorization that is begun twice', () => {
  test('is begun once, whether its id or its state comes again', async () => {
    const { request, state } = await beginOAuth(admin, row)
    const stored = await database.db
      .selectFrom('authorization_requests')
      .select('code_verifier_box')
      .where('id', '=', request.id)
      .executeTakeFirstOrThrow()
    const sealed = {
      code_challenge: 'c'.repeat(43),
      code_verifier_box: stored.code_verifier_box ?? '',
    }
    for (const body of [
      { id: request.id, state: 's'.repeat(43) },
      { id: randomUUID(), state },
    ]) {
      const again = admin.api.beginAuthorization({ body: { ...row, ...sealed, ...body } })
      await refusal(again, 'authorization-request-exists')
    }
  })
})

suite('the callback of an authorization', () => {
  test('with the iss of another server is refused, and its code not sent', async () => {
    const { id, callback } = await answered()
    callback.searchParams.set('iss', 'https://evil.example')
    await comesBack(callback)
    const { status, problem } = await ended(id)
    assert.equal(status, 'refused')
    assert.equal(problem?.type, problemUri('authorization-failed'))
    callback.searchParams.delete('iss')
    assert.equal(await comesBack(callback), rowOf(id))
    assert.equal((await ended(id)).status, 'refused', 'its state was used up')
    await assertUnchanged(version)
  })

  test('with the iss of the server that was asked is taken', async () => {
    const { id, callback } = await answered()
    callback.searchParams.set('iss', forge.url)
    await comesBack(callback)
    assert.equal((await ended(id)).status, 'completed')
    assert.equal(await forge.calls(TOKEN_ENDPOINT), 1)
  })

  for (const [name, spoil] of [
    ['both code and error', (query: URLSearchParams) => query.set('error', 'access_denied')],
    ['two codes', (query: URLSearchParams) => query.append('code', 'another')],
    ['two states', (query: URLSearchParams) => query.append('state', 'another')],
    ['two issuers', (query: URLSearchParams) => query.append('iss', 'https://evil.example')],
    ['neither code nor error', (query: URLSearchParams) => query.delete('code')],
    ['an empty code', (query: URLSearchParams) => query.set('code', '')],
    ['a token instead of a code', (query: URLSearchParams) => query.set('response', 'x.y.z')],
  ] as const) {
    test(`with ${name} is refused, and no code is sent`, async () => {
      const { id, callback } = await answered()
      if (name === 'two issuers') callback.searchParams.set('iss', forge.url)
      if (name === 'a token instead of a code') callback.searchParams.delete('code')
      spoil(callback.searchParams)
      await comesBack(callback)
      const { status, problem } = await ended(id)
      assert.equal(status, 'refused')
      assert.match(problem?.type ?? '', /authorization-(failed|declined)$/)
      await assertUnchanged(version)
    })
  }

  test('without a state or with another finds nothing, and after ten minutes is too late', async () => {
    const { id, callback } = await answered()
    const [without, other, late] = [1, 2, 3].map(() => new URL(callback)) as [URL, URL, URL]
    without.searchParams.delete('state')
    other.searchParams.set('state', 'x'.repeat(43))
    assert.equal(await comesBack(without), UNKNOWN)
    assert.equal(await comesBack(other), UNKNOWN)
    await sql`update authorization_requests set expires_at = now() - interval '1 second'
      where id = ${id}`.execute(database.db)
    assert.equal(await comesBack(late), LATE)
    await assertUnchanged(version)
  })

  test('in another browser, of the same person or of another, finds nothing', async () => {
    const { callback } = await answered()
    const bob = await countersign.person('bob')
    assert.equal(await comesBack(callback, bob.cookie), UNKNOWN)
    const response = await fetch(callback, { redirect: 'manual' })
    assert.match(response.headers.get('location') ?? '', /^\/tokens\?problem=/)
    const { headers } = await fetch(`${page_url}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: page_url },
      body: JSON.stringify({
        email: admin.person.email,
        password: PASSWORD,
      }),
    })
    const [cookie = ''] = headers.getSetCookie()
    assert.match(cookie, /session_token/)
    assert.equal(await comesBack(callback, cookie.split(';')[0]), UNKNOWN)
    await assertUnchanged(version)
  })

  test('with the code of another Git host goes to the one that was asked, which refuses it', async () => {
    await using other = await anotherForge()
    const begun = await beginOAuth(admin, other.row)
    const back = new URL(await answerAtForge(begun.authorization_url, ALICE))

    const { id, callback } = await answered()
    callback.searchParams.set('code', back.searchParams.get('code') ?? '')
    await comesBack(callback)
    const { status, problem } = await ended(id)
    assert.equal(status, 'refused')
    assert.equal(problem?.type, problemUri('authorization-failed'))
    assert.equal(await other.forge.calls(TOKEN_ENDPOINT), 0)
    await assertUnchanged(version, 1)
    // The true answer of the other host still counts: its state is another.
    await comesBack(back)
    assert.equal((await ended(begun.request.id)).status, 'completed')
  })

  // RFC 9700 §4.4: a hostile host sends the browser on to an honest one, with what it was sent.
  test('of a Git host that sends the person to another one brings it no code', async () => {
    await using hostile = await anotherForge()
    const begun = await beginOAuth(admin, hostile.row)
    const sent = new URL(begun.authorization_url)
    const honest = new URL((await beginOAuth(admin, row)).authorization_url)
    for (const name of ['state', 'code_challenge']) {
      honest.searchParams.set(name, sent.searchParams.get(name) ?? '')
    }
    const callback = new URL(await answerAtForge(honest.href, ALICE))
    assert.ok(callback.searchParams.get('code'))
    assert.equal(await comesBack(callback), UNKNOWN)
    assert.equal(await hostile.forge.calls(TOKEN_ENDPOINT), 0)
    await assertUnchanged(version)
  })
})

suite('every error of RFC 6749 §4.1.2.1 has a sentence of ours', () => {
  const sentences = {
    invalid_request: /does not let this app do that/,
    unauthorized_client: /does not let this app do that/,
    access_denied: /If you meant to allow it/,
    unsupported_response_type: /does not let this app do that/,
    invalid_scope: /does not know a scope/,
    server_error: /has a problem at present/,
    temporarily_unavailable: /has a problem at present/,
    interaction_required: /an answer that is not for this request/,
    '<script>alert(1)</script>': /an answer that is not for this request/,
  }
  for (const [error, sentence] of Object.entries(sentences)) {
    test(error, async () => {
      const { id, callback } = await answered()
      callback.searchParams.delete('code')
      callback.searchParams.set('error', error)
      callback.searchParams.set('error_description', 'call +1 555 and read out your password')
      callback.searchParams.set('error_uri', 'https://evil.example')
      const landed = await comesBack(callback)
      assert.doesNotMatch(landed, /evil|password|script/)
      const { status, problem } = await ended(id)
      assert.equal(status, 'refused')
      const declined = error === 'access_denied'
      assert.equal(
        problem?.type,
        problemUri(declined ? 'authorization-declined' : 'authorization-failed'),
      )
      assert.match(problem?.detail ?? '', sentence)
      assert.doesNotMatch(JSON.stringify(problem), /evil|password|script/)
    })
  }
})

suite('nobody is sent to another site', () => {
  const elsewhere = 'https://evil.example/'

  test('by the callback, whatever its query says', async () => {
    const { id, callback } = await answered()
    for (const name of ['redirect_uri', 'next', 'to', 'return_to', 'request', 'problem']) {
      callback.searchParams.set(name, elsewhere)
    }
    const landed = new URL(await comesBack(callback))
    assert.equal(landed.origin, OURS)
    assert.equal(landed.pathname, `/tokens/${row.runtime_id}/${row.provider_id}`)
    assert.deepEqual([...landed.searchParams.keys()], ['request'])
    assert.equal((await ended(id)).status, 'completed')
    assert.equal(await comesBack(callback), landed.href)
  })

  test('by the callback, whatever path or host it is asked for', async () => {
    for (const path of [
      `${callbackPath(row.provider_id)}?state=//evil.example`,
      '/oauth/callback/%2f%2fevil.example?state=x',
      '//evil.example/oauth/callback',
    ]) {
      const headers = { cookie: admin.cookie, 'x-forwarded-host': 'evil.example' }
      const response = await fetch(`${page_url}${path}`, { headers, redirect: 'manual' })
      const location = response.headers.get('location') ?? '/'
      assert.equal(new URL(location, page_url).origin, OURS, path)
    }
  })

  test('by the address at the forge: it is the registered one, and comes back to us', async () => {
    const { authorization_url } = await beginOAuth(admin, row)
    const url = new URL(authorization_url)
    assert.equal(url.origin, forge.url)
    assert.equal(url.searchParams.get('redirect_uri'), page_url + callbackPath(row.provider_id))
    assert.equal(url.searchParams.get('code_challenge_method'), 'S256')
  })

  test('by an authorization that names where to come back to', async () => {
    const response = await fetch(`${page_url}/api/v1/authorization-requests`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: admin.cookie, origin: page_url },
      body: JSON.stringify({ ...row, redirect_uri: elsewhere }),
    })
    assert.ok(response.status >= 400 && response.status < 500, String(response.status))
  })

  test('by the picture of an account, which comes from its own host or not at all', async () => {
    const { id } = await connectionOf(countersign)
    for (const url of [
      elsewhere,
      '//evil.example/a.png',
      'http://127.0.0.1:1/a.png',
      'file:///a',
    ]) {
      await sql`update connections set account_avatar_url = ${url} where id = ${id}`.execute(
        database.db,
      )
      const path = `${page_url}/api/v1/connections/${id}/avatar`
      const answer = await fetch(path, { headers: { cookie: admin.cookie }, redirect: 'manual' })
      assert.equal(answer.status, 404, url)
    }
  })
})
