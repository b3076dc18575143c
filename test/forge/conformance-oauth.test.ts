import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, describe, test } from 'node:test'
import { createBrowser } from './browser.ts'
import { basic } from './git.ts'
import { describeForges } from './populated-forge.ts'

describeForges('OAuth2', (forge) => {
  describe('OAuth2', () => {
    const post = async (path: string, fields: Record<string, string>, headers = {}) => {
      const response = await fetch(`${forge.url}${path}`, {
        method: 'POST',
        headers,
        body: new URLSearchParams(fields),
      })
      const text = await response.text()
      return { status: response.status, text }
    }
    let client: { client_id: string; client_secret: string }

    before(async () => {
      const path = '/api/v1/user/applications/oauth2'
      const made = await forge.call(path, forge.bearer('builder'), 'POST', {
        name: 'countersign',
        confidential_client: true,
        redirect_uris: ['http://127.0.0.1:9/callback'],
      })
      assert.equal(made.status, 201, made.text)
      assert.match(made.json.client_secret, /^gto_/)
      client = made.json
      const { json } = await forge.call(path, forge.bearer('user'))
      assert.deepEqual([json[0].client_id, json[0].client_secret], [client.client_id, ''])
    })

    test('every refusal of the token endpoint has status 400', async () => {
      const { client_id, client_secret } = client
      for (const [fields, error, error_description] of [
        [
          {},
          'unsupported_grant_type',
          'Only refresh_token or authorization_code grant type is supported',
        ],
        [
          { grant_type: 'refresh_token', client_id: 'zz' },
          'invalid_client',
          'cannot load client with client id: "zz"',
        ],
        [
          { grant_type: 'refresh_token', client_id },
          'invalid_client',
          'invalid empty client secret',
        ],
        [
          { grant_type: 'refresh_token', client_id, client_secret, refresh_token: 'a.b.c' },
          'unauthorized_client',
          'unable to parse refresh token',
        ],
        [
          { grant_type: 'authorization_code', client_id, client_secret: 'wrong' },
          'unauthorized_client',
          'invalid client secret',
        ],
        [
          { grant_type: 'authorization_code', client_id, client_secret, code: 'wrong' },
          'unauthorized_client',
          'client is not authorized',
        ],
        [
          {
            grant_type: 'authorization_code',
            client_id,
            client_secret,
            redirect_uri: 'http://x',
          },
          'unauthorized_client',
          'unexpected redirect URI',
        ],
      ] as const) {
        const { status, text } = await post('/login/oauth/access_token', { ...fields })
        assert.deepEqual([status, JSON.parse(text)], [400, { error, error_description }])
      }
    })

    const redirect_uri = 'http://127.0.0.1:9/callback'

    async function authorize(scope: string, state: string, code_challenge: string) {
      const browser = createBrowser(forge.url)
      const sign_in = await browser.open('/user/login')
      await browser.submit(sign_in, '/user/login', {
        user_name: 'dave',
        password: 'dave-secret',
      })
      const query = new URLSearchParams({
        client_id: client.client_id,
        redirect_uri,
        response_type: 'code',
        scope,
        state,
        code_challenge,
        code_challenge_method: 'S256',
      })
      return { browser, page: await browser.open(`/login/oauth/authorize?${query}`) }
    }

    test('a person authorizes, the code is exchanged, the token is used and refreshed', async () => {
      const code_verifier = 'v'.repeat(64)
      const code_challenge = createHash('sha256').update(code_verifier).digest('base64url')
      const scope = 'read:user write:repository'
      const { browser, page } = await authorize(scope, 'first', code_challenge)
      assert.equal(page.status, 200, page.text)
      const back = await browser.submit(page, '/login/oauth/grant', { granted: 'true' })
      const { searchParams } = new URL(back.url)
      assert.equal(searchParams.get('state'), 'first')

      const exchange = {
        grant_type: 'authorization_code',
        code: searchParams.get('code') ?? '',
        redirect_uri,
        code_verifier,
        client_id: client.client_id,
        client_secret: client.client_secret,
      }
      const exchanged = await post('/login/oauth/access_token', exchange)
      assert.equal(exchanged.status, 200, exchanged.text)
      const token_set = JSON.parse(exchanged.text)
      assert.deepEqual(Object.keys(token_set).toSorted(), [
        'access_token',
        'expires_in',
        'refresh_token',
        'token_type',
      ])
      assert.deepEqual([token_set.token_type, token_set.expires_in], ['bearer', 3600])

      const replayed = await post('/login/oauth/access_token', exchange)
      assert.equal(JSON.parse(replayed.text).error_description, 'client is not authorized')

      const bearer = { authorization: `Bearer ${token_set.access_token}` }
      const account = (await forge.call('/api/v1/user', bearer)).json
      assert.equal(account.login, 'dave')
      await forge.refusal(
        403,
        'token does not have at least one of required scope(s), required=[read:admin], token scope=write:repository,read:user',
        '/api/v1/admin/cron',
        bearer,
      )
      const by_basic = basic('oauth2', token_set.access_token)
      const path = '/carol/tools.git/info/refs?service=git-receive-pack'
      assert.equal((await forge.call(path, by_basic)).status, 200)
      assert.equal((await forge.call('/login/oauth/userinfo', bearer)).json.sub, String(account.id))

      const introspected = await post(
        '/login/oauth/introspect',
        { token: token_set.access_token },
        basic(client.client_id, client.client_secret),
      )
      const { active, username } = JSON.parse(introspected.text)
      assert.deepEqual(
        [active, username, JSON.parse(introspected.text).scope],
        [true, 'dave', scope],
      )

      const refreshed = await post('/login/oauth/access_token', {
        grant_type: 'refresh_token',
        refresh_token: token_set.refresh_token,
        client_id: client.client_id,
        client_secret: client.client_secret,
      })
      assert.equal(refreshed.status, 200, refreshed.text)
      const renewed = { authorization: `Bearer ${JSON.parse(refreshed.text).access_token}` }
      assert.equal((await forge.call('/api/v1/user', renewed)).status, 200)
    })

    test('a second time nobody is asked, and the scopes stay what they were', async () => {
      const { page } = await authorize('read:user write:user', 'second', 'c'.repeat(43))
      const { origin, pathname, searchParams } = new URL(page.url)
      assert.equal(origin + pathname, redirect_uri)
      assert.equal(searchParams.get('state'), 'second')
      assert.ok(searchParams.get('code'))
      const wrong_verifier = await post('/login/oauth/access_token', {
        grant_type: 'authorization_code',
        code: searchParams.get('code') ?? '',
        redirect_uri,
        code_verifier: 'w'.repeat(64),
        client_id: client.client_id,
        client_secret: client.client_secret,
      })
      assert.deepEqual(JSON.parse(wrong_verifier.text), {
        error: 'unauthorized_client',
        error_description: 'failed PKCE code challenge',
      })
    })

    test('who is not signed in is sent to sign in', async () => {
      const query = new URLSearchParams({
        client_id: client.client_id,
        redirect_uri: 'http://127.0.0.1:9/callback',
        response_type: 'code',
        state: 's',
      })
      const { response, status } = await forge.call(`/login/oauth/authorize?${query}`)
      assert.equal(status, 303)
      assert.match(response.headers.get('location') ?? '', /^\/user\/login/)
    })

    test('userinfo and introspection refuse what they do not know', async () => {
      const anonymous = await forge.call('/login/oauth/userinfo')
      assert.deepEqual([anonymous.status, anonymous.text], [401, 'no valid authorization'])
      const bad = await forge.call('/login/oauth/userinfo', { authorization: 'Bearer a.b.c' })
      assert.deepEqual([bad.status, bad.text], [401, 'Failed to authenticate user\n'])
      const by = basic(client.client_id, client.client_secret)
      const dead = await post('/login/oauth/introspect', { token: 'x' }, by)
      assert.deepEqual([dead.status, dead.text], [401, 'Failed to authenticate user\n'])
    })

    test('the metadata names the endpoints', async () => {
      const { json } = await forge.call('/.well-known/openid-configuration')
      assert.equal(json.issuer, forge.url)
      assert.equal(json.authorization_endpoint, `${forge.url}/login/oauth/authorize`)
      assert.equal(json.token_endpoint, `${forge.url}/login/oauth/access_token`)
      assert.ok(json.code_challenge_methods_supported.includes('S256'))
    })
  })
})
