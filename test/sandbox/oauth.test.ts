import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBrowser } from '../forge/browser.ts'
import { bearer, type RunningSandbox, runSandbox } from './running-sandbox.ts'

const REDIRECT = 'http://127.0.0.1:9/callback'
const HOUR_MS = 3_600_000

interface Client {
  client_id: string
  client_secret: string
}

/** Registers a client, lets alice answer its consent page, and gives back where she was sent. */
async function authorize(sandbox: RunningSandbox, granted: 'true' | 'false') {
  const token = await sandbox.createToken('register', ['write:user'])
  const response = await fetch(`${sandbox.url}/api/v1/user/applications/oauth2`, {
    method: 'POST',
    headers: { ...bearer(token), 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'cs', confidential_client: true, redirect_uris: [REDIRECT] }),
  })
  const client = (await response.json()) as Client
  const browser = createBrowser(sandbox.url)
  const query = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: 'read:user',
    state: 'kept',
    code_challenge: 'verifier',
    code_challenge_method: 'plain',
  })
  const sign_in = await browser.open(`/login/oauth/authorize?${query}`)
  const consent = await browser.submit(sign_in, '/user/login', {
    user_name: 'alice',
    password: 'alice-demo',
  })
  assert.match(consent.text, /Authorize cs\?/)
  const back = await browser.submit(consent, '/login/oauth/grant', { granted })
  return { client, browser, answer: new URL(back.url).searchParams }
}

async function redeem(sandbox: RunningSandbox, client: Client, fields: Record<string, string>) {
  const response = await fetch(`${sandbox.url}/login/oauth/access_token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}` },
    body: new URLSearchParams(fields),
  })
  const body = (await response.json()) as Record<string, string>
  return { status: response.status, ...body } as Record<string, string | number>
}

function exchange(sandbox: RunningSandbox, client: Client, code: string | null, verifier: string) {
  return redeem(sandbox, client, {
    grant_type: 'authorization_code',
    code: code ?? '',
    code_verifier: verifier,
    redirect_uri: REDIRECT,
  })
}

test('a declined request comes back as an error', async () => {
  await using sandbox = await runSandbox()
  const { answer } = await authorize(sandbox, 'false')
  assert.deepEqual(Object.fromEntries(answer), {
    error: 'access_denied',
    error_description: 'the request is denied',
    state: 'kept',
  })
})

test('the first code is bound to its verifier', async () => {
  await using sandbox = await runSandbox()
  const { client, answer } = await authorize(sandbox, 'true')
  const wrong = await exchange(sandbox, client, answer.get('code'), 'another')
  assert.equal(wrong.error_description, 'failed PKCE code challenge')
  const right = await exchange(sandbox, client, answer.get('code'), 'verifier')
  assert.equal(right.status, 200)
})

test('a refresh token is good once', async () => {
  await using sandbox = await runSandbox()
  const { client, answer } = await authorize(sandbox, 'true')
  const first = await exchange(sandbox, client, answer.get('code'), 'verifier')
  const refresh = (refresh_token: string | number | undefined) =>
    redeem(sandbox, client, {
      grant_type: 'refresh_token',
      refresh_token: String(refresh_token),
    })
  const second = await refresh(first.refresh_token)
  assert.equal(second.status, 200)
  const { status, error, error_description } = await refresh(first.refresh_token)
  assert.deepEqual(
    { status, error, error_description },
    { status: 400, error: 'unauthorized_client', error_description: 'token was already used' },
  )
  assert.equal((await refresh(second.refresh_token)).status, 200)
})

test('an access token ends after an hour, or when the control port says so', async () => {
  let now = Date.now()
  await using sandbox = await runSandbox({ now: () => new Date(now) })
  const { client, answer } = await authorize(sandbox, 'true')
  const token_set = await exchange(sandbox, client, answer.get('code'), 'verifier')
  const user = async (token: string | number | undefined) =>
    (await fetch(`${sandbox.url}/api/v1/user`, { headers: bearer(String(token)) })).status
  assert.equal(await user(token_set.access_token), 200)
  now += HOUR_MS
  assert.equal(await user(token_set.access_token), 401)

  const renewed = await redeem(sandbox, client, {
    grant_type: 'refresh_token',
    refresh_token: String(token_set.refresh_token),
  })
  assert.equal(await user(renewed.access_token), 200)
  await sandbox.control('POST', '/tokens/expire', { sha1: renewed.access_token })
  assert.equal(await user(renewed.access_token), 401)
})

test('a grant that its person takes back ends its tokens', async () => {
  await using sandbox = await runSandbox()
  const { client, browser, answer } = await authorize(sandbox, 'true')
  const token_set = await exchange(sandbox, client, answer.get('code'), 'verifier')
  const path = '/user/settings/oauth2'
  await browser.submit(await browser.open(path), `${path}/revoke`, {})
  const headers = bearer(String(token_set.access_token))
  assert.equal((await fetch(`${sandbox.url}/api/v1/user`, { headers })).status, 401)
  const refreshed = await redeem(sandbox, client, {
    grant_type: 'refresh_token',
    refresh_token: String(token_set.refresh_token),
  })
  assert.deepEqual([refreshed.status, refreshed.error], [400, 'invalid_grant'])
})
