import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { basic, git, runGit, temporaryFolder, withCredential } from './git.ts'
import { describeForges, NO_TOKEN, REFUSED, type Which } from './populated-forge.ts'

const PROHIBITED =
  'This account is prohibited from signing in, please contact your site administrator.'

describeForges('Git and suspended accounts', (forge) => {
  describe('Git over HTTP', () => {
    const refs = (repository: string, service: 'upload' | 'receive') =>
      `/${repository}/info/refs?service=git-${service}-pack`

    async function answers(
      path: string,
      headers: Record<string, string>,
      status: number,
      challenge: string | null = null,
    ): Promise<string> {
      const { response, text } = await forge.call(path, headers)
      const said = [response.status, response.headers.get('www-authenticate')]
      assert.deepEqual(said, [status, challenge], `${path}: ${text.slice(0, 200)}`)
      return text
    }

    test('who sends no credential is challenged, unless reading is free', async () => {
      const challenge = 'Basic realm="Gitea"'
      await answers(refs('carol/tools.git', 'upload'), {}, 200)
      await answers(refs('carol/tools', 'upload'), {}, 200)
      await answers(refs('carol/tools.git', 'receive'), {}, 401, challenge)
      await answers(refs('carol/secret.git', 'upload'), {}, 401, challenge)
      await answers(refs('carol/missing.git', 'upload'), {}, 401, challenge)
      await answers(refs('nobody/missing.git', 'upload'), {}, 404)
    })

    test('a bad credential is refused without a challenge, even where reading is free', async () => {
      for (const headers of [basic('x', NO_TOKEN), basic('carol', 'wrong')]) {
        const text = await answers(refs('carol/tools.git', 'upload'), headers, 401)
        assert.equal(text, 'Failed to authenticate user\n')
      }
    })

    test('scopes decide, but only where a credential is needed', async () => {
      const as = (which: Which) => basic('oauth2', forge.token(which))
      await answers(refs('carol/tools.git', 'upload'), as('user'), 200)
      await answers(refs('carol/tools.git', 'receive'), as('writer'), 200)
      await answers(refs('carol/secret.git', 'upload'), as('reader'), 200)
      for (const [repository, service, which] of [
        ['carol/tools.git', 'receive', 'user'],
        ['carol/tools.git', 'receive', 'reader'],
        ['carol/secret.git', 'upload', 'user'],
        ['carol/secret.git', 'upload', 'public'],
      ] as const) {
        assert.equal(await answers(refs(repository, service), as(which), 403), 'Forbidden\n')
      }
    })

    test('a Bearer header is not held against the scopes', async () => {
      await answers(refs('carol/secret.git', 'receive'), forge.bearer('user'), 200)
    })

    test('what the account must not see is not there', async () => {
      const dave = basic('x', forge.token('dave'))
      const hidden = await answers(refs('carol/secret.git', 'upload'), dave, 404)
      assert.equal(hidden, 'Repository not found')
      await answers(refs('carol/missing.git', 'upload'), dave, 404)
      const missing = await answers(refs('carol/missing.git', 'receive'), dave, 403)
      assert.equal(missing, 'Push to create is not enabled for users.')
    })

    test('a push with write:repository arrives', async () => {
      await using folder = await temporaryFolder()
      const url = withCredential(forge.url, '/carol/secret.git', 'oauth2', forge.token('writer'))
      await git(folder.path, 'clone', '--quiet', url, 'work')
      const work = `${folder.path}/work`
      await git(work, 'commit', '--quiet', '--allow-empty', '--message', 'From the outside')
      await git(work, 'push', '--quiet', 'origin', 'HEAD:refs/heads/main')
      const { json } = await forge.call(
        '/api/v1/repos/carol/secret/commits',
        forge.bearer('reader'),
      )
      assert.equal(json[0].sha, await git(work, 'rev-parse', 'HEAD'))
      assert.equal(json[0].commit.author.email, 'someone@example.com')
    })

    test('a push with less is refused', async () => {
      await using folder = await temporaryFolder()
      const work = folder.path
      const as = (password: string) =>
        withCredential(forge.url, '/carol/tools.git', 'oauth2', password)
      await git(work, 'clone', '--quiet', as(forge.token('reader')), '.')
      await git(work, 'commit', '--quiet', '--allow-empty', '--message', 'Not wanted')
      const push = (password: string) => runGit(work, 'push', as(password), 'HEAD:refs/heads/main')
      assert.match((await push(forge.token('reader'))).stderr, /Forbidden[\s\S]*error: 403/)
      assert.match((await push(NO_TOKEN)).stderr, /Authentication failed/)
      const stranger = await push(forge.token('dave'))
      assert.match(
        stranger.stderr,
        /User permission denied for writing[\s\S]*pre-receive hook declined/,
      )
      assert.equal(stranger.code, 1)
    })
  })

  describe('a suspended account', () => {
    before(() => forge.accounts.setProhibitLogin('carol', true))
    after(() => forge.accounts.setProhibitLogin('carol', false))

    test('is told so by the API when it comes with a token', async () => {
      const { status, json } = await forge.call('/api/v1/user', forge.bearer('user'))
      assert.deepEqual([status, json], [403, { message: PROHIBITED }])
      await forge.refusal(403, PROHIBITED, '/api/v1/version', forge.bearer('user'))
      await forge.refusal(403, PROHIBITED, '/api/v1/user', forge.bearer('reader'))
    })

    test('is refused like a stranger when it comes with its password', () =>
      forge.refusal(401, REFUSED, '/api/v1/user', basic('carol', 'carol-secret')))

    test('gets a page with status 200 from Git over HTTP', async () => {
      const path = '/carol/tools.git/info/refs?service=git-receive-pack'
      const { response, status, text } = await forge.call(
        path,
        basic('oauth2', forge.token('writer')),
      )
      assert.equal(status, 200)
      assert.match(response.headers.get('content-type') ?? '', /^text\/html/)
      assert.match(text, /Sign-In Prohibited/)
      const by_password = await forge.call(path, basic('carol', 'carol-secret'))
      assert.equal(by_password.status, 401)
    })

    test('does not take its public repositories along', async () => {
      const path = '/carol/tools.git/info/refs?service=git-upload-pack'
      assert.equal((await forge.call(path)).status, 200)
    })
  })
})
