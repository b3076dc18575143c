import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { exchangeCode, refresh, TokenEndpointError } from '../../src/oauth/token-endpoint.ts'
import { github } from '../../src/providers/github.ts'
import { openOutbound } from '../../src/providers/http.ts'
import {
  type ProviderHttp,
  ProviderUnavailable,
  TokenRefused,
  TokenScopesMissing,
} from '../../src/providers/provider.ts'
import { startGithub } from '../standins/github/github.ts'
import {
  authorize,
  CALLBACK,
  describeOAuth,
  endpointOf,
  grant,
  type OAuthForge,
} from './oauth-suite.ts'
import { describeAdapter, resetHeaders } from './suite.ts'

const forge = await startGithub()
after(() => forge.close())
const outbound = openOutbound({ timeout_ms: 5_000 })
after(() => outbound[Symbol.asyncDispose]())
const http = () => outbound.to({ base_url: forge.url, private_address_confirmed: true })
const interrupt = (reply: typeof forge.interruption) => {
  forge.interruption = reply
}

const make = (scopes: string[], login = 'carol') =>
  forge.makeToken(login, { kind: 'classic', scopes })
const [good, reader, all, stranger] = [
  make(['repo']),
  make(['public_repo']),
  make(['repo', 'user', 'admin:repo_hook']),
  make(['repo'], 'dave'),
]

describeAdapter(github, {
  http,
  good_token: () => good,
  reader_token: () => reader,
  all_token: () => all,
  stranger_token: () => stranger,
  unknown_token: 'ghp_unknown',
  read_only_token: () =>
    forge.makeToken('carol', { kind: 'fine_grained', scopes: ['contents:read'] }),
  suspend: () => forge.suspend('carol', true),
  unsuspend: () => forge.suspend('carol', false),
  interrupt,
  limits: [
    {
      status: 403,
      body: { message: 'API rate limit exceeded for user ID 1000.' },
      headers: { 'x-ratelimit-remaining': '0', ...resetHeaders() },
      seconds: 60,
    },
    { status: 429, body: { message: 'API rate limit exceeded' }, headers: resetHeaders() },
    {
      status: 403,
      body: { message: 'You have exceeded a secondary rate limit.' },
      headers: { 'x-ratelimit-remaining': '14', 'retry-after': '7' },
      seconds: 7,
    },
    {
      status: 403,
      body: { message: 'You have exceeded a secondary rate limit. Please wait a few minutes.' },
      headers: { 'x-ratelimit-remaining': '14' },
      seconds: 60,
    },
    {
      status: 403,
      body: { message: 'Maximum number of login attempts exceeded. Please try again later.' },
      seconds: 60,
    },
    {
      status: 403,
      body: {
        message:
          'Although you appear to have the correct authorization credentials, the `octo` ' +
          'organization has an IP allow list enabled, and your IP address is not permitted.',
      },
    },
  ],
})

const oauthForge: OAuthForge = {
  http,
  interrupt,
  oauth: forge.oauth,
  client: forge.oauth.registerClient(CALLBACK),
  refresh_token_outlives: true,
}
describeOAuth(github, oauthForge)

/** The same host as GHE.com is: the API has an address of its own. */
function hosted(): ProviderHttp {
  const here = (target: string) =>
    target
      .replace('https://api.octo.ghe.com', `${forge.url}/api/v3`)
      .replace('https://octo.ghe.com', forge.url)
  return {
    base_url: 'https://octo.ghe.com',
    request: (target, options) => http().request(here(target), options),
    fetch: (url, init) => http().fetch(here(url), init),
  }
}

describe('what is peculiar to GitHub', () => {
  const inspect = (token: string) => github.inspect(http(), { method: 'token', token, login: null })
  const access = (token: string, name: string) =>
    github.repositoryAccess(
      http(),
      { method: 'token', token, login: null },
      { owner: 'carol', name },
    )

  test('a fine-grained token shows no scopes; its reach is asked of Git', async () => {
    const scopes = ['contents:read']
    const token = forge.makeToken('carol', { kind: 'fine_grained', scopes })
    assert.equal((await inspect(token)).scopes, null)
    const seen = { visible: true, read: true }
    assert.deepEqual(await access(token, 'secret'), { ...seen, write: false })
    const writer = forge.makeToken('carol', { kind: 'fine_grained', scopes: ['contents:write'] })
    assert.deepEqual(await access(writer, 'secret'), { ...seen, write: true })
    const none = forge.makeToken('carol', { kind: 'fine_grained' })
    assert.deepEqual(await access(none, 'secret'), { visible: true, read: false, write: false })
  })

  test('the end of a token is read from a header', async () => {
    const expires_at = new Date('2037-10-12T09:00:00Z')
    const token = forge.makeToken('carol', { kind: 'classic', scopes: ['repo'], expires_at })
    assert.deepEqual((await inspect(token)).expires_at, expires_at)
  })

  test('scopes limit what the rights of the account allow', async () => {
    const none = { visible: false, read: false, write: false }
    assert.deepEqual(await access(reader, 'secret'), none)
    assert.deepEqual(await access(reader, 'tools'), { visible: true, read: true, write: true })
    assert.deepEqual(await access(make([]), 'tools'), { visible: true, read: true, write: false })
  })

  test('what Git refuses is refused, whatever the rights of the account', async () => {
    for (const sentence of [
      'This repository was archived so it is read-only.',
      'Permission to carol/tools.git denied to carol.',
    ]) {
      forge.refuses_pushes = sentence
      assert.deepEqual(await access(good, 'tools'), { visible: true, read: true, write: false })
    }
    forge.refuses_pushes = undefined
  })

  test('a repository that has another name now is told as that', async () => {
    await assert.rejects(
      access(good, 'old-tools'),
      (error) =>
        error instanceof ProviderUnavailable &&
        error.message.endsWith('has carol/old-tools under another name now.'),
    )
  })

  test('a suspended account is known by either sentence', async () => {
    for (const message of [
      'Sorry. Your account was suspended.',
      'Your account is suspended. Please visit https://support.github.com for more information.',
    ]) {
      forge.interruption = { status: 403, body: { message } }
      const suspended = (error: unknown) =>
        error instanceof TokenRefused && error.why === 'account_suspended'
      await assert.rejects(inspect(good), suspended)
      await assert.rejects(access(good, 'secret'), suspended)
    }
    forge.interruption = undefined
  })

  test('single sign-on is told, with the page for it', async () => {
    for (const repository of forge.repositories) repository.sso = true
    const { read, write, sso_url } = await access(good, 'secret')
    assert.deepEqual([read, write], [false, false])
    assert.match(sso_url ?? '', /\/orgs\/carol\/sso\?authorization_request=/)
    for (const repository of forge.repositories) repository.sso = false
  })

  test('a token that an organization does not take is told what that wants', async () => {
    const refusals = {
      "The 'carol' organization forbids access via a fine-grained personal access tokens if the token's lifetime is greater than 90 days. Please adjust it.":
        'takes no tokens that live longer than 90 days. Make one that ends sooner.',
      '`carol` forbids access via a personal access token (classic). Please use a GitHub App.':
        'takes no tokens of this kind. Make one of the other kind, or authorize with OAuth2.',
    }
    for (const [message, said] of Object.entries(refusals)) {
      forge.interruption = { status: 403, body: { message } }
      await assert.rejects(
        access(good, 'secret'),
        (error) =>
          error instanceof ProviderUnavailable &&
          error.message ===
            `The organization of carol/secret at ${new URL(forge.url).host} ${said}`,
      )
    }
    forge.interruption = undefined
  })

  test('an account that needs it altogether is not called bad', async () => {
    const url = `${forge.url}/enterprises/octo/sso?authorization_request=A1`
    const headers = { 'x-github-sso': `required; url=${url}` }
    const message = 'Resource protected by organization SAML enforcement.'
    forge.interruption = { status: 403, body: { message }, headers }
    await assert.rejects(
      inspect(good),
      (error) => error instanceof ProviderUnavailable && error.message.includes(url),
    )
    forge.interruption = undefined
  })

  test('a token of an installation is nobody’s', async () => {
    const token = forge.makeToken('carol', { kind: 'installation' })
    await assert.rejects(inspect(token), TokenScopesMissing)
  })

  test('at github.com and GHE.com a refresh token is ended, too', async () => {
    const { access_token, refresh_token } = await grant(github, oauthForge)
    forge.hosted = true
    await github.oauth.revoke?.(hosted(), oauthForge.client, { access_token, refresh_token })
    forge.hosted = false
    await assert.rejects(inspect(access_token), TokenRefused)
    await assert.rejects(
      refresh(endpointOf(github, oauthForge), refresh_token ?? '', {}),
      (error) => error instanceof TokenEndpointError && error.outcome === 'permanent',
    )
  })

  test('an app that is suspended or has another callback is the administrator’s to mend', async () => {
    const { client } = oauthForge
    const misconfigured = (word: string) => (error: unknown) =>
      error instanceof TokenEndpointError &&
      error.outcome === 'misconfigured' &&
      error.error === word
    const code_verifier = 'v'.repeat(43)
    const code = async () => {
      const callback = await authorize(github, oauthForge, code_verifier)
      return callback.searchParams.get('code') ?? ''
    }
    const sent = { code: await code(), redirect_uri: `${CALLBACK}/moved`, code_verifier }
    await assert.rejects(
      exchangeCode(endpointOf(github, oauthForge), sent),
      misconfigured('redirect_uri_mismatch'),
    )
    const { refresh_token } = await grant(github, oauthForge)
    forge.oauth.suspendApp(client.client_id, true)
    const refused = await authorize(github, oauthForge, code_verifier)
    assert.equal(refused.searchParams.get('error'), 'application_suspended')
    await assert.rejects(
      refresh(endpointOf(github, oauthForge), refresh_token ?? '', {}),
      misconfigured('application_suspended'),
    )
    forge.oauth.suspendApp(client.client_id, false)
    await refresh(endpointOf(github, oauthForge), refresh_token ?? '', {})
  })

  test('so is an app that was deleted, or whose id is mistyped', async () => {
    const { refresh_token } = await grant(github, oauthForge)
    const client = { ...oauthForge.client, client_id: 'gone' }
    await assert.rejects(
      refresh(endpointOf(github, { ...oauthForge, client }), refresh_token ?? '', {}),
      (error) => error instanceof TokenEndpointError && error.outcome === 'misconfigured',
    )
  })

  test('knows where the API is', () => {
    assert.deepEqual(github.origins('https://github.com'), ['https://api.github.com'])
    assert.deepEqual(github.origins('https://octo.ghe.com'), ['https://api.octo.ghe.com'])
    assert.deepEqual(github.origins('https://git.example.com'), ['https://git.example.com'])
  })
})
