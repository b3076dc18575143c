import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { github } from '../../src/providers/github.ts'
import { openOutbound } from '../../src/providers/http.ts'
import { ProviderUnavailable, TokenScopesMissing } from '../../src/providers/provider.ts'
import { startGithub } from '../standins/github/github.ts'
import { CALLBACK, describeOAuth } from './oauth-suite.ts'
import { describeAdapter } from './suite.ts'

const forge = await startGithub()
after(() => forge.close())
const outbound = openOutbound({ timeout_ms: 5_000 })
after(() => outbound[Symbol.asyncDispose]())
const http = () => outbound.to({ base_url: forge.url, private_address_confirmed: true })

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
  suspend: () => forge.suspend('carol', true),
  unsuspend: () => forge.suspend('carol', false),
})

describeOAuth(github, { http, oauth: forge.oauth, client: forge.registerClient(CALLBACK) })

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
    assert.deepEqual(await access(token, 'secret'), { read: true, write: false })
    const writer = forge.makeToken('carol', { kind: 'fine_grained', scopes: ['contents:write'] })
    assert.deepEqual(await access(writer, 'secret'), { read: true, write: true })
    const none = forge.makeToken('carol', { kind: 'fine_grained' })
    assert.deepEqual(await access(none, 'secret'), { read: false, write: false })
  })

  test('the end of a token is read from a header', async () => {
    const expires_at = new Date('2037-10-12T09:00:00Z')
    const token = forge.makeToken('carol', { kind: 'classic', scopes: ['repo'], expires_at })
    assert.deepEqual((await inspect(token)).expires_at, expires_at)
  })

  test('scopes limit what the rights of the account allow', async () => {
    assert.deepEqual(await access(reader, 'secret'), { read: false, write: false })
    assert.deepEqual(await access(reader, 'tools'), { read: true, write: true })
    assert.deepEqual(await access(make([]), 'tools'), { read: true, write: false })
  })

  test('single sign-on is told, with the page for it', async () => {
    for (const repository of forge.repositories) repository.sso = true
    const { read, write, sso_url } = await access(good, 'secret')
    assert.deepEqual([read, write], [false, false])
    assert.match(sso_url ?? '', /\/orgs\/carol\/sso\?authorization_request=/)
    for (const repository of forge.repositories) repository.sso = false
  })

  test('too many requests say nothing about the token', async () => {
    const reset = Math.floor(Date.now() / 1000) + 60
    for (const [status, headers] of [
      [403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(reset) }],
      [429, { 'retry-after': '60' }],
    ] as const) {
      forge.interruption = { status, body: { message: 'API rate limit exceeded' }, headers }
      await assert.rejects(inspect(good), (error) => {
        assert.ok(error instanceof ProviderUnavailable)
        assert.ok([59, 60].includes(error.retry_after ?? 0))
        return true
      })
    }
    forge.interruption = undefined
  })

  test('a token of an installation is nobody’s', async () => {
    const token = forge.makeToken('carol', { kind: 'installation' })
    await assert.rejects(inspect(token), TokenScopesMissing)
  })

  test('knows where the API is', () => {
    assert.deepEqual(github.origins('https://github.com'), ['https://api.github.com'])
    assert.deepEqual(github.origins('https://octo.ghe.com'), ['https://api.octo.ghe.com'])
    assert.deepEqual(github.origins('https://git.example.com'), ['https://git.example.com'])
  })
})
