import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { describeForges } from './populated-forge.ts'

describeForges('repositories', (forge) => {
  describe('repositories', () => {
    test('one says what the caller may do', async () => {
      const permissions = async (headers: Record<string, string>) =>
        (await forge.call('/api/v1/repos/carol/tools', headers)).json.permissions
      assert.deepEqual(await permissions(forge.bearer('all')), {
        admin: true,
        push: true,
        pull: true,
      })
      const reader = { admin: false, push: false, pull: true }
      assert.deepEqual(await permissions(forge.bearer('dave')), reader)
      assert.deepEqual(await permissions({}), reader)
    })

    test('one is described', async () => {
      const { json } = await forge.call('/api/v1/repos/carol/secret', forge.bearer('all'))
      assert.equal(json.full_name, 'carol/secret')
      assert.equal(json.private, true)
      assert.equal(json.default_branch, 'main')
      assert.equal(json.clone_url, `${forge.url}/carol/secret.git`)
      assert.equal(json.owner.login, 'carol')
    })

    test('a private one is hidden from others, and from tokens for public things', async () => {
      await forge.refusal(404, 'not found', '/api/v1/repos/carol/secret', forge.bearer('dave'))
      await forge.refusal(404, 'not found', '/api/v1/repos/carol/missing', forge.bearer('all'))
      await forge.refusal(404, 'GetUserByName', '/api/v1/repos/nobody/missing', forge.bearer('all'))
      await forge.refusal(
        403,
        'token scope is limited to public repos',
        '/api/v1/repos/carol/secret',
        forge.bearer('public'),
      )
    })

    test('commits are listed with author and committer', async () => {
      const { json } = await forge.call(
        '/api/v1/repos/carol/tools/commits?limit=1',
        forge.bearer('reader'),
      )
      assert.equal(json.length, 1)
      assert.match(json[0].sha, /^[0-9a-f]{40}$/)
      assert.equal(json[0].commit.author.email, 'carol@example.com')
      await forge.refusal(
        409,
        'Git Repository is empty.',
        '/api/v1/repos/carol/empty/commits',
        forge.bearer('reader'),
      )
    })

    test('a bad wish for one is refused', async () => {
      const path = '/api/v1/user/repos'
      await forge.refusal(422, '[]: Empty Content-Type', path, forge.bearer('builder'), 'POST')
      await forge.refusal(422, '[Name]: Required', path, forge.bearer('builder'), 'POST', {})
      await forge.refusal(422, '[Name]: Required', path, forge.bearer('builder'), 'POST', '')
      await forge.refusal(422, '[Name]: AlphaDashDot', path, forge.bearer('builder'), 'POST', {
        name: 'a b',
      })
      await forge.refusal(
        409,
        'The repository with the same name already exists.',
        path,
        forge.bearer('builder'),
        'POST',
        { name: 'tools' },
      )
      assert.equal((await forge.call(path, forge.bearer('builder'), 'POST', '{')).status, 422)
    })

    test('a path that is no operation is not answered in JSON', async () => {
      const { status, text } = await forge.call('/api/v1/nonsense', forge.bearer('all'))
      assert.deepEqual([status, text], [404, '404 page not found\n'])
    })
  })
})
