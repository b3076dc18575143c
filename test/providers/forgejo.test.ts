import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { refresh, TokenEndpointError } from '../../src/oauth/token-endpoint.ts'
import { forgejo } from '../../src/providers/forgejo.ts'
import { gitea } from '../../src/providers/gitea.ts'
import { openOutbound } from '../../src/providers/http.ts'
import { ProviderUnavailable, TokenScopesMissing } from '../../src/providers/provider.ts'
import { refusal, startForgejo } from '../standins/forgejo/forgejo.ts'
import { CALLBACK, describeOAuth, endpointOf, grant } from './oauth-suite.ts'
import { describeAdapter } from './suite.ts'

const forge = await startForgejo()
after(() => forge.close())
const outbound = openOutbound({ timeout_ms: 5_000 })
after(() => outbound[Symbol.asyncDispose]())
const http = () => outbound.to({ base_url: forge.url, private_address_confirmed: true })
const interrupt = (reply: typeof forge.interruption) => {
  forge.interruption = reply
}

const make = (scopes: string[], login = 'carol') =>
  forge.makeToken(login, { kind: 'token', scopes })
const [good, reader, blind, all, stranger] = [
  make(['read:user', 'write:repository']),
  make(['read:user', 'read:repository']),
  make(['write:repository']),
  make(['all']),
  make(['all'], 'dave'),
]

describeAdapter(forgejo, {
  http,
  good_token: () => good,
  reader_token: () => reader,
  blind_token: () => blind,
  all_token: () => all,
  stranger_token: () => stranger,
  unknown_token: '0'.repeat(40),
  read_only_token: () => reader,
  interrupt,
  suspend: () => forge.suspend('carol', true),
  unsuspend: () => forge.suspend('carol', false),
})

const oauthForge = {
  http,
  interrupt,
  oauth: forge.oauth,
  client: forge.oauth.registerClient(CALLBACK),
  public_secret: { right: true, wrong: true },
}
describeOAuth(forgejo, oauthForge)

describe('what is peculiar to Forgejo', () => {
  const inspect = (token: string) =>
    forgejo.inspect(http(), { method: 'token', token, login: null })

  test('it is not taken for Gitea, nor Gitea for it', async () => {
    assert.equal(await gitea.recognize(http()), false)
    forge.compatible_with = ''
    assert.equal(await forgejo.recognize(http()), false)
    assert.equal(await gitea.recognize(http()), true)
    forge.compatible_with = '+gitea-1.22.0'
  })

  test('what the account must do first does not make its token bad', async () => {
    const asked = [
      ['You must change your password. Change it at: X/user/change_password', /password/],
      ['Zwei-Faktor-Authentifizierung: X/user/settings/security', /two-factor sign-in/],
    ] as const
    for (const [message, sentence] of asked) {
      interrupt(refusal(403, message.replace('X', forge.url)))
      await assert.rejects(
        inspect(good),
        (error) => error instanceof ProviderUnavailable && sentence.test(error.message),
        message,
      )
    }
    interrupt(undefined)
  })

  test('a repository is found by the name that it had, as Git finds it', async () => {
    forge.renamed.set('carol/attic', 'carol/secret').set('kate/attic', 'carol/attic')
    for (const owner of ['carol', 'kate']) {
      const repository = { owner, name: 'attic' }
      const credential = { method: 'token', token: good, login: null } as const
      const access = await forgejo.repositoryAccess(http(), credential, repository)
      assert.deepEqual(access, { visible: true, read: true, write: true })
    }
    forge.renamed.clear()
  })

  test('a redirect to elsewhere, or in a circle, says nothing about a repository', async () => {
    const repository = { owner: 'carol', name: 'secret' }
    const credential = { method: 'token', token: good, login: null } as const
    const path = '/api/v1/repos/carol/secret'
    for (const location of [path, `https://portal.example${path}`, '/user/login', 'https://[']) {
      interrupt({ status: 301, headers: { location } })
      const asked = forgejo.repositoryAccess(http(), credential, repository)
      await assert.rejects(asked, ProviderUnavailable, location)
    }
    interrupt(undefined)
  })

  test('two refreshes at once, or a database that is busy, end no grant', async () => {
    const { refresh_token } = await grant(forgejo, oauthForge)
    const endpoint = endpointOf(forgejo, oauthForge)
    const error_description = 'cannot increase the grant counter'
    interrupt({ status: 400, body: { error: 'invalid_grant', error_description } })
    await assert.rejects(
      refresh(endpoint, refresh_token ?? '', {}),
      (error) => error instanceof TokenEndpointError && error.outcome === 'transient',
    )
    interrupt(undefined)
    await refresh(endpoint, refresh_token ?? '', {})
  })

  test('scopes are what calls have proved', async () => {
    assert.deepEqual((await inspect(good)).scopes, ['read:user', 'write:repository'])
    assert.deepEqual((await inspect(reader)).scopes, ['read:user', 'read:repository'])
    assert.deepEqual((await inspect(make(['read:user']))).scopes, ['read:user'])
    await assert.rejects(inspect(blind), (error) => {
      assert.ok(error instanceof TokenScopesMissing)
      assert.deepEqual(error.scopes, ['write:repository'])
      return true
    })
  })
})
