import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { gitlab } from '../../src/providers/gitlab.ts'
import { openOutbound } from '../../src/providers/http.ts'
import {
  missingScopes,
  ProviderUnavailable,
  TokenRefused,
  TokenScopesMissing,
} from '../../src/providers/provider.ts'
import { startGitlab } from '../standins/gitlab/gitlab.ts'
import { CALLBACK, describeOAuth, grant } from './oauth-suite.ts'
import { describeAdapter, resetHeaders } from './suite.ts'

const forge = await startGitlab()
after(() => forge.close())
const outbound = openOutbound({ timeout_ms: 5_000 })
after(() => outbound[Symbol.asyncDispose]())
const http = () => outbound.to({ base_url: forge.url, private_address_confirmed: true })
const interrupt = (reply: typeof forge.interruption) => {
  forge.interruption = reply
}

const make = (scopes: string[], login = 'carol') =>
  forge.makeToken(login, { kind: 'personal', scopes })
const [good, reader, blind, all, stranger] = [
  make(['read_api', 'write_repository']),
  make(['read_api', 'read_repository']),
  make(['read_repository']),
  make(['api']),
  make(['api'], 'dave'),
]

describeAdapter(gitlab, {
  http,
  good_token: () => good,
  reader_token: () => reader,
  blind_token: () => blind,
  all_token: () => all,
  stranger_token: () => stranger,
  unknown_token: 'glpat-unknown0123456789',
  read_only_token: () => reader,
  interrupt,
  limits: [
    { status: 429, body: 'Retry later', headers: { 'retry-after': '30' }, seconds: 30 },
    { status: 429, body: 'Retry later', headers: resetHeaders('ratelimit-reset'), seconds: 60 },
    {
      status: 403,
      body: { message: '403 Forbidden - You must accept the Terms of Service to continue.' },
    },
  ],
  suspend: () => forge.suspend('carol', true),
  unsuspend: () => forge.suspend('carol', false),
})

const oauthForge = {
  http,
  interrupt,
  oauth: forge.oauth,
  client: forge.oauth.registerClient(CALLBACK),
  public_secret: { right: true, wrong: false },
}
describeOAuth(gitlab, oauthForge)

describe('what is peculiar to GitLab', () => {
  const inspect = (token: string) => gitlab.inspect(http(), { method: 'token', token, login: null })

  test('a token ends at the beginning of its last day, in UTC', async () => {
    const expires_at = new Date('2037-10-12T00:00:00Z')
    const token = forge.makeToken('carol', { kind: 'personal', scopes: ['api'], expires_at })
    assert.deepEqual((await inspect(token)).expires_at, expires_at)
  })

  test('an end that is no day in the calendar says nothing about the token', async () => {
    const body = { active: true, scopes: ['api'], expires_at: '2037-13-45' }
    forge.interruptionFor = (path) => (path.endsWith('/self') ? { status: 200, body } : undefined)
    await assert.rejects(inspect(good), ProviderUnavailable)
    forge.interruptionFor = undefined
  })

  test('a token that has ended is refused', async () => {
    const expires_at = new Date('2020-01-01T00:00:00Z')
    const token = forge.makeToken('carol', { kind: 'personal', scopes: ['api'], expires_at })
    await assert.rejects(inspect(token), TokenRefused)
  })

  test('the end of a granted token is read where token answers lack it', async () => {
    const { access_token: token } = await grant(gitlab, oauthForge)
    const { expires_in } = await gitlab.inspect(http(), { method: 'oauth', token, login: null })
    assert.ok(expires_in !== undefined && expires_in > 7100 && expires_in <= 7200)
  })

  test('api includes the others; read_api does not include Git', () => {
    assert.deepEqual(missingScopes(gitlab, ['api']), [])
    assert.deepEqual(missingScopes(gitlab, ['read_api', 'read_repository']), ['write_repository'])
    assert.deepEqual(missingScopes(gitlab, ['read_api', 'write_repository'], 'runtime'), ['api'])
  })

  test('what only stands between an account and its rights is told, and is no refusal', async () => {
    const password =
      'Your password expired. Please access GitLab from a web browser to update your password.'
    const credential = { method: 'token', token: good, login: null } as const
    const repository = { owner: 'carol', name: 'secret' }
    const sentence = (wanted: RegExp) => (error: unknown) =>
      error instanceof ProviderUnavailable && wanted.test(error.message)
    for (const message of [
      'You (@carol) must accept the Terms of Service in order to perform this action.',
      'Your primary email address is not confirmed. Please check your inbox.',
      password,
    ]) {
      forge.interruption = { status: 403, body: { message: `403 Forbidden - ${message}` } }
      await assert.rejects(inspect(good), sentence(/Sign in at http:\S+ in a browser/))
    }
    forge.interruption = undefined
    for (const [body, wanted] of [
      [password, /Sign in at http:\S+ in a browser/],
      ['Too many failed authentication attempts from this IP', /for up to an hour/],
      ['Forbidden\n', /for up to an hour/],
    ] as const) {
      const reply = { status: 403, body, headers: { 'content-type': 'text/plain' } }
      forge.interruptionFor = (path) => (path.endsWith('/info/refs') ? reply : undefined)
      await assert.rejects(
        gitlab.repositoryAccess(http(), credential, repository),
        sentence(wanted),
      )
    }
    forge.interruptionFor = undefined
  })

  test('single sign-on is told, with the page for it', async () => {
    for (const repository of forge.repositories) repository.sso = true
    for (const token of [good, make(['write_repository'])]) {
      const credential = { method: 'token', token, login: null } as const
      const repository = { owner: 'carol', name: 'secret' }
      const { read, write, sso_url } = await gitlab.repositoryAccess(http(), credential, repository)
      assert.deepEqual([read, write], [false, false])
      assert.equal(sso_url, `${forge.url}/groups/carol/-/saml/sso?token=abc`)
    }
    for (const repository of forge.repositories) repository.sso = false
  })

  test('the form for a token is where the version of a host is known to have it', () => {
    const hosted = gitlab.pages('https://gitlab.com')
    assert.equal(
      hosted.new_token,
      'https://gitlab.com/-/user_settings/personal_access_tokens/legacy/new' +
        '?name=countersign&scopes=read_api%2Cwrite_repository',
    )
    assert.equal(hosted.scopes_filled_in, true)
    const own = gitlab.pages('https://git.example.com', 'runtime')
    assert.equal(new URL(own.new_token).pathname, new URL(own.tokens).pathname)
    assert.equal(own.scopes_filled_in, false)
  })

  test('a fine-grained token shows no scopes, and is tried on Git', async () => {
    const expires_at = new Date('2037-10-12T00:00:00Z')
    const fine = (...scopes: string[]) =>
      forge.makeToken('carol', { kind: 'fine-grained', scopes, expires_at })
    const [user, own] = ['User: Read', 'Personal Access Token: Read'] as const
    const [reads, writes] = ['Code: Download', 'Code: Push'] as const
    const shown = await inspect(fine(user, own, reads, writes))
    assert.deepEqual([shown.account.login, shown.scopes], ['carol', null])
    assert.deepEqual(shown.expires_at, expires_at)
    const hidden = await inspect(fine(user, reads, writes))
    assert.deepEqual([hidden.scopes, hidden.expires_at], [null, null])
    await assert.rejects(inspect(fine(own, reads, writes)), TokenScopesMissing)

    const may = async (...permissions: string[]) => {
      const credential = { method: 'token', token: fine(...permissions), login: null } as const
      const repository = { owner: 'carol', name: 'secret' }
      const { read, write } = await gitlab.repositoryAccess(http(), credential, repository)
      return [read, write]
    }
    assert.deepEqual(await may(user, own, reads, writes), [true, true])
    assert.deepEqual(await may(user, reads), [true, false])
    assert.deepEqual(await may(user), [false, false])
  })

  test('a token for Git alone is tried on Git', async () => {
    const may = async (scopes: string[]) => {
      const credential = { method: 'token', token: make(scopes), login: null } as const
      const repository = { owner: 'carol', name: 'secret' }
      const { read, write } = await gitlab.repositoryAccess(http(), credential, repository)
      return [read, write]
    }
    assert.deepEqual(await may(['write_repository']), [true, true])
    assert.deepEqual(await may(['read_repository']), [true, false])
    assert.deepEqual(await may(['read_user']), [false, false])
  })
})
