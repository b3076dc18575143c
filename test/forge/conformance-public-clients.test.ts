import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, describe, test } from 'node:test'
import { createBrowser } from './browser.ts'
import { describeForges } from './populated-forge.ts'

const REDIRECT_URI = 'http://127.0.0.1:9/public-callback'

describeForges('OAuth2 applications without a secret', (forge) => {
  describe('a public client', () => {
    const code_verifier = 'p'.repeat(64)
    let client_id: string

    before(async () => {
      const made = await forge.call(
        '/api/v1/user/applications/oauth2',
        forge.bearer('builder'),
        'POST',
        {
          name: 'countersign-public',
          confidential_client: false,
          redirect_uris: [REDIRECT_URI],
        },
      )
      assert.equal(made.status, 201, made.text)
      assert.equal(made.json.confidential_client, false)
      client_id = made.json.client_id
    })

    async function authorize(pkce: Record<string, string>) {
      const browser = createBrowser(forge.url)
      const sign_in = await browser.open('/user/login')
      const account = { user_name: 'dave', password: 'dave-secret' }
      await browser.submit(sign_in, '/user/login', account)
      const query = new URLSearchParams({
        client_id,
        redirect_uri: REDIRECT_URI,
        response_type: 'code',
        scope: 'read:user',
        state: 'public',
        ...pkce,
      })
      return { browser, page: await browser.open(`/login/oauth/authorize?${query}`) }
    }

    const withPkce = () =>
      authorize({
        code_challenge: createHash('sha256').update(code_verifier).digest('base64url'),
        code_challenge_method: 'S256',
      })

    async function ask(fields: Record<string, string>) {
      const response = await fetch(`${forge.url}/login/oauth/access_token`, {
        method: 'POST',
        body: new URLSearchParams({ client_id, ...fields }),
      })
      const text = await response.text()
      assert.equal(response.status, 200, text)
      return JSON.parse(text) as { access_token: string; refresh_token: string }
    }

    test('gets no code without PKCE', async () => {
      const { page } = await authorize({})
      const { searchParams } = new URL(page.url)
      assert.equal(searchParams.get('error'), 'invalid_request')
      assert.equal(searchParams.get('error_description'), 'PKCE is required for public clients')
      assert.equal(searchParams.get('code'), null)
    })

    test('needs no secret, and whichever it sends is not looked at', async () => {
      const { browser, page } = await withPkce()
      const back = await browser.submit(page, '/login/oauth/grant', { granted: 'true' })
      const code = new URL(back.url).searchParams.get('code') ?? ''
      const grant_type = 'authorization_code'
      const granted = await ask({ grant_type, code, redirect_uri: REDIRECT_URI, code_verifier })
      const bearer = { authorization: `Bearer ${granted.access_token}` }
      assert.equal((await forge.call('/api/v1/user', bearer)).json.login, 'dave')

      const renew = { grant_type: 'refresh_token' }
      const next = await ask({ ...renew, refresh_token: granted.refresh_token })
      await ask({ ...renew, refresh_token: next.refresh_token, client_secret: 'wrong' })
    })

    test('asks the person each time', async () => {
      const { page } = await withPkce()
      assert.equal(new URL(page.url).origin, new URL(forge.url).origin)
    })
  })
})
