import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { gitlab } from '../../src/providers/gitlab.ts'
import { openOutbound } from '../../src/providers/http.ts'
import { missingScopes, ProviderUnavailable, TokenRefused } from '../../src/providers/provider.ts'
import { startGitlab } from '../standins/gitlab/gitlab.ts'
import { CALLBACK, describeOAuth, grant } from './oauth-suite.ts'
import { describeAdapter } from './suite.ts'

const forge = await startGitlab()
after(() => forge.close())
const outbound = openOutbound({ timeout_ms: 5_000 })
after(() => outbound[Symbol.asyncDispose]())
const http = () => outbound.to({ base_url: forge.url, private_address_confirmed: true })

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
  suspend: () => forge.suspend('carol', true),
  unsuspend: () => forge.suspend('carol', false),
})

const oauthForge = { http, oauth: forge.oauth, client: forge.oauth.registerClient(CALLBACK) }
describeOAuth(gitlab, oauthForge)

describe('what is peculiar to GitLab', () => {
  const inspect = (token: string) => gitlab.inspect(http(), { method: 'token', token, login: null })

  test('a token ends at the beginning of its last day, in UTC', async () => {
    const expires_at = new Date('2037-10-12T00:00:00Z')
    const token = forge.makeToken('carol', { kind: 'personal', scopes: ['api'], expires_at })
    assert.deepEqual((await inspect(token)).expires_at, expires_at)
  })

  test('a token that has ended is refused', async () => {
    const expires_at = new Date('2020-01-01T00:00:00Z')
    const token = forge.makeToken('carol', { kind: 'personal', scopes: ['api'], expires_at })
    await assert.rejects(inspect(token), TokenRefused)
  })

  test('the end of a granted token is read where token answers lack it', async () => {
    const { access_token: token } = await grant(gitlab, oauthForge)
    const { expires_at } = await gitlab.inspect(http(), { method: 'oauth', token, login: null })
    const left = ((expires_at?.getTime() ?? 0) - Date.now()) / 1000
    assert.ok(left > 7100 && left <= 7200)
  })

  test('api includes the others; read_api does not include Git', () => {
    assert.deepEqual(missingScopes(gitlab, ['api']), [])
    assert.deepEqual(missingScopes(gitlab, ['read_api', 'read_repository']), ['write_repository'])
    assert.deepEqual(missingScopes(gitlab, ['read_api', 'write_repository'], 'runtime'), ['api'])
  })

  test('too many requests, and a page of terms, say nothing about the token', async () => {
    forge.interruption = { status: 429, body: 'Retry later', headers: { 'retry-after': '30' } }
    await assert.rejects(
      inspect(good),
      (error) => error instanceof ProviderUnavailable && error.retry_after === 30,
    )
    const message = '403 Forbidden - You must accept the Terms of Service'
    forge.interruption = { status: 403, body: { message } }
    await assert.rejects(inspect(good), ProviderUnavailable)
    forge.interruption = undefined
  })
})
