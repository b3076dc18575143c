import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { installation, countersign as runCountersign } from '../cli/countersign.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { until } from '../harness/until.ts'
import { git, temporaryFolder } from './git.ts'
import { describeForges, NO_TOKEN } from './populated-forge.ts'

describeForges('the story of a first push', (forge) => {
  let countersign: Countersign
  let row: { runtime_id: string; provider_id: string }
  let first: { runtime: { id: string }; key: string }
  let folder: { path: string; remove(): Promise<unknown> }

  before(async () => {
    countersign = await startCountersign()
    folder = await temporaryFolder()
    const { api } = countersign.admin
    const provider = await api.createProvider({
      body: {
        kind: 'gitea',
        name: 'The forge of the story',
        base_url: forge.url,
        private_address_confirmed: true,
      },
    })
    first = await api.createRuntime({ body: { name: 'first', provider_ids: [provider.id] } })
    row = { runtime_id: first.runtime.id, provider_id: provider.id }
  })
  after(async () => {
    await countersign[Symbol.asyncDispose]()
    await folder.remove()
  })

  function asAda(key: string, ...command: string[]) {
    const env = { COUNTERSIGN_RUNTIME_KEY: key, HOME: folder.path }
    return runCountersign(
      ['run', '--as', 'ada@example.com', '--', ...command],
      installation(countersign.vault_url, env),
    )
  }
  const work = () => join(folder.path, 'secret')
  const pusherOf = (commit: string) =>
    until('the forge to say who pushed', () =>
      forge.accounts.pusherOf('carol', 'carol-secret', 'secret', commit),
    )
  const change = (key: string, name: string) =>
    asAda(
      key,
      'sh',
      '-ec',
      'cd "$1"; echo "$2" >"$2"; git add -A; git commit -qm "$2"; git push -q origin HEAD:main',
      'sh',
      work(),
      name,
    )

  test('before anybody allowed it, nothing is possible, and Git says where to go', async () => {
    const ended = await asAda(first.key, 'git', 'clone', `${forge.url}/carol/secret.git`, work())
    assert.notEqual(ended.code, 0)
    assert.match(ended.stderr, new RegExp(`${countersign.page_url}/tokens`))
  })

  test('a token that may do too little is refused with what it lacks', async () => {
    const candidate = await countersign.admin.addToken(row, forge.token('user'))
    assert.equal(candidate.status, 'refused')
    assert.deepEqual(candidate.problem?.missing_scopes, ['write:repository'])
  })

  test('with a good token, a clone and a push happen as that person', async () => {
    const candidate = await countersign.admin.addToken(row, forge.token('writer'))
    assert.equal(candidate.status, 'accepted')
    const cloned = await asAda(first.key, 'git', 'clone', `${forge.url}/carol/secret.git`, work())
    assert.equal(cloned.code, 0, cloned.stderr)
    const pushed = await change(first.key, 'one')
    assert.equal(pushed.code, 0, pushed.stderr)
    const author = await git(work(), 'log', '-1', '--format=%an <%ae>')
    assert.equal(author, 'Carol Example <carol@example.com>')
    const { json } = await forge.call(
      '/api/v1/repos/carol/secret/commits?limit=1',
      forge.bearer('writer'),
    )
    assert.equal(json[0].sha, await git(work(), 'rev-parse', 'HEAD'))
    assert.equal(json[0].commit.author.email, 'carol@example.com')
    // The author is what the environment said; who pushed is whose token it was.
    assert.equal(await pusherOf(json[0].sha), 'carol')
  })

  test('a bad replacement is refused and changes nothing', async () => {
    const candidate = await countersign.admin.addToken(row, NO_TOKEN)
    assert.equal(candidate.status, 'refused')
    const pushed = await change(first.key, 'two')
    assert.equal(pushed.code, 0, pushed.stderr)
  })

  test('a good replacement takes over, and the old one may be deleted at the forge', async () => {
    const candidate = await countersign.admin.addToken(row, forge.token('all'))
    assert.equal(candidate.status, 'accepted')
    await forge.accounts.deleteToken('carol', 'carol-secret', 'writer')
    const pushed = await change(first.key, 'three')
    assert.equal(pushed.code, 0, pushed.stderr)
  })

  test('one token serves a second runtime, and each is taken back on its own', async () => {
    const { api } = countersign.admin
    const { provider_id } = row
    const second = await api.createRuntime({
      body: { name: 'second', provider_ids: [provider_id] },
    })
    const runtime_id = second.runtime.id
    const detail = await api.getAccess({ params: { runtime_id, provider_id } })
    const connection_id = detail.reusable_connections[0]?.id ?? ''
    await api.createAuthorization({ body: { runtime_id, provider_id, connection_id } })
    assert.equal((await change(second.key, 'four')).code, 0)

    const { authorization } = await countersign.admin.access(first.runtime.id)
    await api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
    const refused = await change(first.key, 'five')
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /has not authorized runtime/)
    assert.match(refused.stderr, new RegExp(`${countersign.page_url}/tokens`))
    assert.equal((await change(second.key, 'six')).code, 0)
  })

  test('a token that was deleted at the forge is found out by a check', async () => {
    await forge.accounts.deleteToken('carol', 'carol-secret', 'all')
    const rowOf = async () =>
      (await countersign.admin.api.listAccess({ query: {} })).items.find(
        (item) => item.runtime.name === 'second',
      )
    const connection = (await rowOf())?.authorization?.connection
    await using events = await countersign.admin.events()
    await countersign.admin.api.checkConnection({ params: { id: connection?.id ?? '' } })
    await events.until(async () =>
      (await rowOf())?.authorization?.connection.status === 'rejected' ? true : undefined,
    )
  })
})
