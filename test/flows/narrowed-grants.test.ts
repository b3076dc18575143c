import assert from 'node:assert/strict'
import { after, afterEach, suite, test } from 'node:test'
import { sql } from 'kysely'
import { problemUri } from '../../src/contract/index.ts'
import { startCountersign } from '../harness/countersign.ts'
import { databaseTime } from '../harness/database-time.ts'
import { wakeScheduler } from '../harness/granted.ts'
import { refusal } from '../harness/problems.ts'
import { registerStandIn } from '../harness/stand-in.ts'
import { ORGANIZATION, startAzureDevOps } from '../standins/azure-devops/azure-devops.ts'
import { startBitbucketDataCenter } from '../standins/bitbucket-data-center/bitbucket-data-center.ts'
import { startGithub } from '../standins/github/github.ts'
import { startGitlab } from '../standins/gitlab/gitlab.ts'

/** Grants of less than was asked for, or of nobody knows what. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin } = countersign
const [dataCenter, gitlab, github, azure] = [
  await startBitbucketDataCenter(),
  await startGitlab(),
  await startGithub(),
  await startAzureDevOps(),
]
const forges = [dataCenter, gitlab, github, azure]
after(() => Promise.all(forges.map((forge) => forge.close())))

const atDataCenter = await registerStandIn(countersign, 'bitbucket-data-center', dataCenter)
const atGitlab = await registerStandIn(countersign, 'gitlab', gitlab)
const atGithub = await registerStandIn(countersign, 'github', github)
const atAzure = await registerStandIn(countersign, 'azure-devops', azure, {
  path: `/${ORGANIZATION}`,
})

afterEach(() => {
  for (const { oauth } of forges) oauth.allows = null
})

/** What the person may use on another runtime, by id. */
async function reusable(params: { runtime_id: string; provider_id: string }) {
  const { reusable_connections } = await admin.api.getAccess({ params })
  return reusable_connections.map(({ id }) => id)
}

async function connectionOn(runtime_id: string) {
  return (await admin.access(runtime_id)).authorization?.connection
}

async function noticeOf(runtime_id: string) {
  return (await admin.access(runtime_id)).authorization?.notice
}

/** The connection after a refresh ahead of time. */
async function refreshed(id: string) {
  await using events = await admin.events()
  const { rows } = await sql<{ version: number }>`update connections
    set refresh_due_at = now() where id = ${id} returning version`.execute(countersign.database.db)
  await wakeScheduler(countersign)
  return await events.until(async () => {
    const connection = await countersign.database.db
      .selectFrom('connections')
      .select(['status', 'version', 'scopes', 'missing_scopes'])
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
    return connection.version > (rows[0]?.version ?? 0) ? connection : undefined
  })
}

suite('at a host that does not show the scopes of a token', () => {
  test('a grant of too little is told by the token answer, and turned down', async () => {
    const { row } = await atDataCenter.runtime('reader', { scopes: ['REPO_READ', 'REPO_WRITE'] })
    dataCenter.oauth.allows = ['REPO_READ']
    const { status, problem } = await atDataCenter.authorize(row)
    assert.equal(status, 'refused')
    assert.equal(problem?.type, problemUri('scopes-narrowed'))
    assert.deepEqual(problem.missing_scopes, ['REPO_WRITE'])
    assert.match(problem.detail, /REPO_WRITE is missing/)
  })

  test('so is one without the scopes that an administrator asks for beside', async () => {
    const { row } = await atDataCenter.runtime('admin', { scopes: ['REPO_WRITE', 'REPO_ADMIN'] })
    dataCenter.oauth.allows = ['REPO_WRITE']
    const { problem } = await atDataCenter.authorize(row)
    assert.deepEqual(problem?.missing_scopes, ['REPO_ADMIN'])
  })

  test('a refresh that gives less is told, and one that gives it back, too', async () => {
    const { row } = await atDataCenter.runtime('narrowed', {
      scopes: ['REPO_READ', 'REPO_WRITE'],
    })
    assert.equal((await atDataCenter.authorize(row)).status, 'completed')
    const { id = '', scopes } = (await connectionOn(row.runtime_id)) ?? {}
    dataCenter.oauth.allows = ['REPO_READ']
    const narrow = await refreshed(id)
    assert.deepEqual([narrow.status, narrow.scopes], ['insufficient_scopes', ['REPO_READ']])
    assert.deepEqual(narrow.missing_scopes, ['REPO_WRITE'])
    const { status, reason } = await admin.checkNow(row.runtime_id)
    assert.deepEqual([status, reason], ['insufficient_scopes', 'The token lacks REPO_WRITE.'])
    assert.equal((await noticeOf(row.runtime_id))?.kind, 'insufficient_scopes')
    dataCenter.oauth.allows = null
    const wide = await refreshed(id)
    assert.deepEqual([wide.status, wide.scopes, wide.missing_scopes], ['valid', scopes, []])
    assert.equal(await noticeOf(row.runtime_id), null)
  })

  for (const [where, registered] of [
    ['Data Center', atDataCenter],
    ['Entra', atAzure],
  ] as const) {
    test(`one that is wide enough stays valid with a check, at ${where}`, async () => {
      const { row, ask } = await registered.runtime(`builder-${where.length}`)
      assert.equal((await registered.authorize(row)).status, 'completed')
      const granted = await connectionOn(row.runtime_id)
      assert.equal(granted?.status, 'valid')
      assert.ok(granted.scopes.length > 0)
      const checked = await admin.checkNow(row.runtime_id)
      assert.deepEqual([checked.status, checked.scopes], ['valid', granted.scopes])
      assert.ok((await ask()).password)
    })
  }
})

test('another repository in the settings has a grant tried there soon, valid as it is', async () => {
  const { row } = await atDataCenter.runtime('tried')
  assert.equal((await atDataCenter.authorize(row)).status, 'completed')
  assert.equal((await connectionOn(row.runtime_id))?.status, 'valid')
  const params = row
  const before = await databaseTime(countersign.database)
  await admin.api.updateRuntimeProvider({ params, body: { probe_repository: 'ACME/app' } })
  // Or it was so soon that it is over.
  const { rows } = await sql<{ soon: boolean }>`
    select check_due_at <= now() + interval '3 minutes' or checked_at > ${before} as soon
    from connections c join authorizations a on a.connection_id = c.id
    where a.runtime_id = ${row.runtime_id}`.execute(countersign.database.db)
  assert.deepEqual(rows, [{ soon: true }])
})

suite('at a host that shows them', () => {
  test('scopes that an administrator asks for are held against the grant, too', async () => {
    const scopes = ['read_api', 'write_repository', 'api']
    const { row } = await atGitlab.runtime('api', { scopes })
    gitlab.oauth.allows = ['read_api', 'write_repository']
    const { status, problem } = await atGitlab.authorize(row)
    assert.equal(status, 'refused')
    assert.deepEqual(problem?.missing_scopes, ['api'])
    gitlab.oauth.allows = null
    assert.equal((await atGitlab.authorize(row)).status, 'completed')
    await admin.api.deleteAuthorization({
      params: { id: (await admin.access(row.runtime_id)).authorization?.id ?? '' },
    })
  })

  test('a grant for one runtime is not used for another that asks for more', async () => {
    const usual = await atGitlab.runtime('usual')
    assert.equal((await atGitlab.authorize(usual.row)).status, 'completed')
    const { id: connection_id = '' } = (await connectionOn(usual.row.runtime_id)) ?? {}
    const more = await atGitlab.runtime('more', { scopes: ['read_api', 'write_repository', 'api'] })
    const offered = async () =>
      (await admin.api.getAccess({ params: more.row })).reusable_connections.map(({ id }) => id)
    assert.deepEqual(await offered(), [])
    const body = { ...more.row, connection_id }
    const reuse = () => admin.api.createAuthorization({ body })
    const { detail } = await refusal(reuse(), 'connection-not-usable')
    assert.match(detail, /without api, which this runtime asks for. Authorize access to gitlab/)

    assert.equal((await atGitlab.authorize(more.row)).status, 'completed')
    // The grant is one for both: authorizing the other again takes nothing from it.
    assert.equal((await atGitlab.authorize(usual.row)).status, 'completed')
    const { id, scopes } = (await connectionOn(more.row.runtime_id)) ?? {}
    assert.deepEqual([id, scopes?.includes('api')], [connection_id, true])
    const fewer = await atGitlab.runtime('fewer', { scopes: ['api', 'openid'] })
    await admin.api.createAuthorization({ body: { ...fewer.row, connection_id } })
    assert.ok((await fewer.ask()).password)
  })
})

suite('a grant of which nobody says what it may do', () => {
  test('is not taken, and the sentence says how it can be', async () => {
    github.granted_kind = 'app_user'
    const { row } = await atGithub.runtime('strict')
    const { status, problem } = await atGithub.authorize(row)
    assert.equal(status, 'refused')
    assert.equal(problem?.type, problemUri('token-scopes-hidden'))
    assert.match(problem.detail, /ask an administrator to name a repository/)
    assert.equal(await connectionOn(row.runtime_id), undefined)
  })

  test('is taken where an administrator accepts such tokens, as not verified', async () => {
    github.granted_kind = 'app_user'
    const { row } = await atGithub.runtime('lenient', { skip_validation: true })
    assert.equal((await atGithub.authorize(row)).status, 'completed')
    const granted = await connectionOn(row.runtime_id)
    assert.deepEqual([granted?.status, granted?.scopes], ['unverified', []])
    const checked = await admin.checkNow(row.runtime_id)
    assert.equal(checked.status, 'unverified')
    const strict = await atGithub.runtime('strict-too')
    const body = { ...strict.row, connection_id: checked.id }
    await refusal(admin.api.createAuthorization({ body }), 'token-scopes-hidden')
    assert.deepEqual(await reusable(strict.row), [])
    const other = await atGithub.runtime('lenient-too', { skip_validation: true })
    assert.deepEqual(await reusable(other.row), [checked.id])
  })
  test('is as little verified as before when it was refused once and is then refreshed', async () => {
    github.granted_kind = 'app_user'
    const { row } = await atGithub.runtime('refused-once', { skip_validation: true })
    assert.equal((await atGithub.authorize(row)).status, 'completed')
    const { id = '' } = (await connectionOn(row.runtime_id)) ?? {}
    await sql`update connections set status = 'rejected' where id = ${id}`.execute(
      countersign.database.db,
    )
    assert.equal((await refreshed(id)).status, 'unverified')
  })
})
