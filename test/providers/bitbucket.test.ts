import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { bitbucket } from '../../src/providers/bitbucket.ts'
import { openOutbound } from '../../src/providers/http.ts'
import { missingScopes, ProviderUnavailable, TokenRefused } from '../../src/providers/provider.ts'
import { startBitbucket } from '../standins/bitbucket/bitbucket.ts'
import { CALLBACK, describeOAuth } from './oauth-suite.ts'
import { describeAdapter } from './suite.ts'

const forge = await startBitbucket()
after(() => forge.close())
const outbound = openOutbound({ timeout_ms: 5_000 })
after(() => outbound[Symbol.asyncDispose]())
const http = () => outbound.to({ base_url: forge.url, private_address_confirmed: true })
const interrupt = (reply: typeof forge.interruption) => {
  forge.interruption = reply
}

const make = (names: string[], login = 'carol') => {
  const scopes = names.map((name) => `${name}:bitbucket`)
  return `${login}@example.com:${forge.makeToken(login, { kind: 'api', scopes })}`
}
const person = ['read:user', 'read:workspace', 'read:repository', 'write:repository']
const [good, reader, blind, all, stranger] = [
  make(person),
  make(person.slice(0, 3)),
  make(['read:repository']),
  make([...person, 'admin:repository', 'read:webhook', 'write:webhook']),
  make(person, 'dave'),
]

describeAdapter(bitbucket, {
  http,
  good_token: () => good,
  reader_token: () => reader,
  blind_token: () => blind,
  all_token: () => all,
  stranger_token: () => stranger,
  unknown_token: 'carol@example.com:ATATT3xunknown',
  read_only_token: () => reader,
  interrupt,
  limits: [
    { status: 429, body: 'Rate limit for this resource has been exceeded' },
    {
      status: 401,
      body: '<html>',
      headers: { 'www-authenticate': 'Basic realm="proxy"' },
    },
    { status: 403, body: { message: 'Forbidden' } },
  ],
  suspend: () => forge.suspend('carol', true),
  unsuspend: () => forge.suspend('carol', false),
  suspended_as: 'bad_credential',
  token_page_at: 'https://id.atlassian.com/',
})

describeOAuth(bitbucket, {
  http,
  interrupt,
  oauth: forge.oauth,
  client: forge.oauth.registerClient(CALLBACK),
})

describe('what is peculiar to Bitbucket Cloud', () => {
  const credential = (token: string) => ({ method: 'token', token, login: null }) as const

  test('an API token without its e-mail address is told apart, and not sent', async () => {
    const before = forge.calls.length
    await assert.rejects(
      bitbucket.inspect(http(), credential(good.split(':')[1] ?? '')),
      (error) => error instanceof TokenRefused && error.why === 'login_missing',
    )
    assert.equal(forge.calls.length, before)
  })

  test('only a refusal that is about scopes says that they are missing', async () => {
    const message = 'Access from your address is not allowed.'
    interrupt({ status: 403, body: { type: 'error', error: { message } } })
    await assert.rejects(bitbucket.inspect(http(), credential(good)), ProviderUnavailable)
    interrupt(undefined)
  })

  test('Git gets the token alone, under the name for its kind', () => {
    const password = good.split(':')[1] ?? ''
    assert.deepEqual(bitbucket.gitCredential(credential(good)), {
      username: 'x-bitbucket-api-token-auth',
      password,
    })
    const username = 'x-token-auth'
    for (const [method, token] of [
      ['token', 'ATCTT3xffabc'],
      ['oauth', 'abc='],
    ] as const) {
      const given = bitbucket.gitCredential({ method, token, login: null })
      assert.deepEqual(given, { username, password: token })
    }
  })

  test('scopes of API tokens do not include one another, those of OAuth2 do', () => {
    assert.deepEqual(missingScopes(bitbucket, ['write:repository:bitbucket']).length, 3)
    assert.deepEqual(missingScopes(bitbucket, ['account', 'repository:write']), [])
  })

  test('a token that may only read cannot write, whatever its account may', async () => {
    const repository = { owner: 'carol', name: 'secret' }
    const access = await bitbucket.repositoryAccess(http(), credential(reader), repository)
    assert.deepEqual(access, { visible: true, read: true, write: false })
  })

  test('knows where the API is', () => {
    assert.deepEqual(bitbucket.origins('https://bitbucket.org'), ['https://api.bitbucket.org'])
  })
})
