import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { basic } from './git.ts'
import { describeForges, NO_TOKEN, REFUSED } from './populated-forge.ts'

/**
 * What our Gitea adapter and our gateway rely on, held against the sandbox and against a real
 * Gitea with the same words, so that the sandbox cannot drift.
 */
describeForges('callers and scopes', (forge) => {
  describe('who calls', () => {
    test('a token is known by every header that can carry it', async () => {
      for (const headers of [
        forge.bearer('user'),
        { authorization: `Bearer ${forge.token('user')}` },
        basic('anything', forge.token('user')),
        basic(forge.token('user'), ''),
        basic(forge.token('user'), 'x-oauth-basic'),
      ]) {
        const { status, json } = await forge.call('/api/v1/user', headers)
        assert.equal(status, 200)
        const { login, full_name, email, is_admin, active, prohibit_login } = json
        assert.deepEqual(
          { login, full_name, email, is_admin, active, prohibit_login },
          {
            login: 'carol',
            full_name: 'Carol Example',
            email: 'carol@example.com',
            is_admin: false,
            active: true,
            prohibit_login: false,
          },
        )
        assert.equal(json.html_url, `${forge.url}/carol`)
        assert.match(json.avatar_url, /^http.*\/avatars\/[0-9a-f]{32}$/)
        assert.equal(typeof json.id, 'number')
      }
    })

    test('a password is taken too', async () => {
      assert.equal((await forge.call('/api/v1/user', basic('carol', 'carol-secret'))).status, 200)
    })

    test('a bad credential is refused everywhere, the version included', async () => {
      await forge.refusal(401, REFUSED, '/api/v1/user', { authorization: `token ${NO_TOKEN}` })
      await forge.refusal(401, REFUSED, '/api/v1/version', { authorization: `token ${NO_TOKEN}` })
      await forge.refusal(401, REFUSED, '/api/v1/user', basic('carol', 'wrong'))
      await forge.refusal(401, REFUSED, '/api/v1/user', basic('nobody', NO_TOKEN))
    })

    test('no credential, or one that cannot be read, is another matter', async () => {
      await forge.refusal(401, 'token is required', '/api/v1/user')
      await forge.refusal(401, 'token is required', '/api/v1/user', { authorization: 'token' })
      const version = await forge.call('/api/v1/version')
      assert.equal(version.status, 200)
      assert.equal(typeof version.json.version, 'string')
    })

    test('a deleted token is a bad credential', async () => {
      const gone = await forge.accounts.createToken('carol', 'carol-secret', 'gone', ['read:user'])
      await forge.accounts.deleteToken('carol', 'carol-secret', 'gone')
      await forge.refusal(401, REFUSED, '/api/v1/user', { authorization: `token ${gone}` })
    })
  })

  describe('scopes', () => {
    const missing = (required: string, scope: string) =>
      `token does not have at least one of required scope(s), required=[${required}], token scope=${scope}`

    for (const [path, required] of [
      ['/api/v1/admin/cron', 'read:admin'],
      ['/api/v1/notifications', 'read:notification'],
      ['/api/v1/user/orgs', 'read:user read:organization'],
      ['/api/v1/packages/carol', 'read:package'],
      ['/api/v1/repos/issues/search', 'read:issue'],
      ['/api/v1/repos/search', 'read:repository'],
      ['/api/v1/user/repos', 'read:repository'],
      ['/api/v1/repos/carol/tools', 'read:repository'],
      ['/api/v1/repos/carol/tools/commits', 'read:repository'],
    ] as const) {
      test(`${path} needs ${required}`, () =>
        forge.refusal(403, missing(required, 'read:user'), path, forge.bearer('user')))
    }

    test('the refusal names all that the token has, normalised', async () => {
      await forge.refusal(
        403,
        missing('read:user', 'read:repository'),
        '/api/v1/user',
        forge.bearer('reader'),
      )
      await forge.refusal(
        403,
        missing('write:user', 'write:repository,read:user'),
        '/api/v1/user/repos',
        forge.bearer('writer'),
        'POST',
        {},
      )
      await forge.refusal(
        403,
        missing('read:admin', 'public-only,read:repository,read:user'),
        '/api/v1/admin/cron',
        forge.bearer('public'),
      )
    })

    test('write includes read, and all includes everything', async () => {
      for (const which of ['builder', 'all'] as const) {
        assert.equal((await forge.call('/api/v1/user', forge.bearer(which))).status, 200)
        assert.equal((await forge.call('/api/v1/user/repos', forge.bearer(which))).status, 200)
      }
      for (const path of [
        '/notifications',
        '/user/orgs',
        '/packages/carol',
        '/repos/issues/search',
      ]) {
        const { status, json } = await forge.call(`/api/v1${path}`, forge.bearer('all'))
        assert.deepEqual([status, json], [200, []])
      }
      await forge.refusal(
        403,
        'user should be the site admin',
        '/api/v1/admin/cron',
        forge.bearer('all'),
      )
    })

    test('a token that may read the account lists its own scopes by Basic', async () => {
      const path = '/api/v1/users/carol/tokens'
      const { status, json } = await forge.call(path, basic('anything', forge.token('writer')))
      assert.equal(status, 200)
      const own = json.find(
        (one: { token_last_eight: string }) =>
          one.token_last_eight === forge.token('writer').slice(-8),
      )
      assert.deepEqual(own.scopes, ['write:repository', 'read:user'])
      assert.equal(own.sha1, '')
      await forge.refusal(401, 'auth required', path, forge.bearer('writer'))
      await forge.refusal(
        403,
        'doer should be the site admin or be same as the contextUser',
        path,
        basic('dave', 'dave-secret'),
      )
    })
  })

  describe('access tokens', () => {
    const path = '/api/v1/users/carol/tokens'
    const carol = basic('carol', 'carol-secret')

    test('one is created, shown once, and deleted', async () => {
      const scopes = ['read:user', 'write:user', 'read:issue']
      const made = await forge.call(path, carol, 'POST', { name: 'short-lived', scopes })
      assert.equal(made.status, 201)
      assert.match(made.json.sha1, /^[0-9a-f]{40}$/)
      assert.equal(made.json.token_last_eight, made.json.sha1.slice(-8))
      assert.deepEqual(made.json.scopes, ['read:issue', 'write:user'])
      assert.equal((await forge.call(`${path}/${made.json.id}`, carol, 'DELETE')).status, 204)
      await forge.refusal(404, 'not found', `${path}/${made.json.id}`, carol, 'DELETE')
    })

    test('a bad wish is refused', async () => {
      await forge.refusal(422, '[Name]: Required', path, carol, 'POST', {})
      await forge.refusal(400, 'access token must have a scope', path, carol, 'POST', { name: 'x' })
      await forge.refusal(400, 'access token name has been used already', path, carol, 'POST', {
        name: 'all',
        scopes: ['all'],
      })
      await forge.refusal(
        400,
        'invalid access token scope provided: invalid access token scope: nope',
        path,
        carol,
        'POST',
        { name: 'x', scopes: ['nope'] },
      )
    })
  })
})
