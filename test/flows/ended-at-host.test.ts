import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempDisposable, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import process from 'node:process'
import { after, test } from 'node:test'
import { ProblemError } from '../../src/contract/index.ts'
import { openKeyring } from '../../src/vault/keyring.ts'
import { type Claimed, claimedRow } from '../../src/vault/refresh-claim.ts'
import { openRefreshJournal, type RefreshJournal } from '../../src/vault/refresh-journal.ts'
import { openTokenSet, type TokenSet } from '../../src/vault/token-set.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { beginWithCode, outcomeOf, startGitlabForge } from '../harness/device-forge.ts'
import { endAccess, wakeScheduler } from '../harness/granted.ts'
import type { PersonClient } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { startVaultProcess } from '../harness/vault-process.ts'

/** What nobody uses any more is ended at the Git host, also what comes late. */
const data = await mkdtempDisposable(join(tmpdir(), 'countersign-data-'))
after(() => data.remove())
const folder = join(data.path, 'refresh-journal')
const noMounts = process.getuid?.() === 0 ? false : 'only root can mount'
const countersign = await startCountersign({
  // What is held back is not given up meanwhile.
  env: { COUNTERSIGN_DATA: data.path, COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: '600' },
})
after(() => countersign[Symbol.asyncDispose]())
const { database, vault_url } = countersign
const lab = await startGitlabForge(countersign)
after(() => lab[Symbol.asyncDispose]())
const { forge, devices, row } = lab
const TOKEN_ENDPOINT = '/oauth/token'

test('tokens that come after the deletion of their grant are revoked, and not called refreshed', async () => {
  const person = await countersign.person('vera')
  await authorize(person, 'carol')
  await ask('vera@example.com')
  await endAccessOf(person)
  const { granted, release } = heldBack()
  const asked = refusal(ask('vera@example.com'), 'authorization-missing')
  const late = await granted
  assert.ok(forge.working(late), 'the host has granted it')
  await deleteAuthorization(person)
  // The old tokens are revoked before the new ones come.
  await untilRevoked(person, 1)
  release()
  await asked
  await until('the end of the late token', async () => forge.token(late)?.revoked === true)
  await untilRevoked(person, 2)
  assert.deepEqual(await audited(person, 'connection.refresh'), ['grant of carol at Lab: too late'])
  assert.deepEqual(await database.db.selectFrom('revocations').select('id').execute(), [])
})

test('an answer that a newer one has followed takes no place in a revocation', async () => {
  const person = await countersign.person('xenia')
  await authorize(person, 'carol')
  await endAccessOf(person)
  const grant = await asking(person)
  const answers: unknown[] = []
  forge.holdBack = (path, { body }) => {
    if (path === TOKEN_ENDPOINT) answers.push(body)
    return undefined
  }
  await ask('xenia@example.com')
  forge.holdBack = undefined
  await endAccessOf(person)
  const newest = (await ask('xenia@example.com')).password
  forge.interruptionFor = notTold
  await deleteAuthorization(person)

  await bringHome(grant, answers[0])
  forge.interruptionFor = undefined
  await untilTold(person)
  assert.equal(forge.token(newest)?.revoked, true)
})

test('nor does one that comes after the person authorized anew, and both are ended', async () => {
  const person = await countersign.person('yvonne')
  await authorize(person, 'carol')
  await endAccessOf(person)
  const { granted, release } = heldBack()
  const asked = refusedInTheEnd('yvonne@example.com')
  const late = await granted
  forge.holdBack = undefined
  await authorize(person, 'carol')
  const newest = (await currentTokens(person)).access_token
  await untilTold(person)
  forge.interruptionFor = notTold
  await deleteAuthorization(person)
  release()
  await asked
  forge.interruptionFor = undefined
  await untilTold(person)
  assert.equal(forge.token(newest)?.revoked, true)
  assert.equal(forge.token(late)?.revoked, true)
})

test('nor does one that was kept, and both are ended', async () => {
  const person = await countersign.person('zoe')
  await authorize(person, 'carol')
  await endAccessOf(person)
  const grant = await asking(person)
  const { granted, body, release } = heldBack()
  const asked = refusedInTheEnd('zoe@example.com')
  const late = await granted
  forge.holdBack = undefined
  await authorize(person, 'carol')
  const newest = (await currentTokens(person)).access_token
  await untilTold(person)
  forge.interruptionFor = notTold
  await deleteAuthorization(person)
  await bringHome(grant, await body)
  await bringHome(grant, await body)
  assert.equal((await revocationsLeft(person)).length, 2, 'none for its coming once more')
  forge.interruptionFor = undefined
  await untilTold(person)
  assert.equal(forge.token(newest)?.revoked, true)
  assert.equal(forge.token(late)?.revoked, true)
  release()
  await asked
})

test('nor are tokens forgotten that were kept until all that was known of their grant is over', async () => {
  const person = await countersign.person('zita')
  await authorize(person, 'carol')
  await endAccessOf(person)
  const grant = await asking(person)
  const { granted, body, release } = heldBack()
  const asked = refusedInTheEnd('zita@example.com')
  const late = await granted
  await deleteAuthorization(person)
  await untilRevoked(person, 1)
  assert.ok(forge.working(late))
  await bringHome(grant, await body)
  await until('the end of the late token', async () => forge.token(late)?.revoked === true)
  await untilTold(person)
  release()
  await asked
})

test('they are ended once, also when their file stays', { skip: noMounts }, async (t) => {
  const person = await countersign.person('ziva')
  await authorize(person, 'carol')
  await endAccessOf(person)
  const grant = await asking(person)
  const { granted, body, release } = heldBack()
  const asked = refusedInTheEnd('ziva@example.com')
  await granted
  await deleteAuthorization(person)
  await untilRevoked(person, 1)

  await keep(grant, await body)
  mounted('--bind', folder, folder)
  t.after(() => spawnSync('umount', [folder]))
  mounted('-o', 'remount,bind,ro', folder)
  const stays = () => countersign.logged.filter((line) => line.includes('cannot be removed')).length
  for (let times = 0; times < 3; times += 1) {
    const before = stays()
    await wakeScheduler(countersign)
    await until('its being brought home', async () => stays() > before)
    await untilTold(person)
  }
  assert.equal((await audited(person, 'connection.revoke')).length, 2)
  release()
  await asked
})

test('an answer of an earlier version, which says nothing of its grant, comes home or goes', async () => {
  const person = await countersign.person('zosia')
  await authorize(person, 'carol')
  const { id, version } = await asking(person)
  const answer = JSON.stringify({ access_token: 'next', token_type: 'bearer', expires_in: 7200 })
  const keyring = await openKeyring(database.db, countersign.vault_key)
  const journal = openRefreshJournal(folder, keyring)
  for (const place of [
    { connection_id: id, version },
    { connection_id: id, version: version - 1 },
    { connection_id: randomUUID(), version: 1 },
  ]) {
    journal.write({ ...place, asked_at: Date.now(), answer })
  }
  await wakeScheduler(countersign)
  await until('the end of all three', async () => journal.count() === 0)
  assert.equal((await currentTokens(person)).access_token, 'next')
  await deleteAuthorization(person)
})

test('what has the place of an answer that was ended is ended, too', async () => {
  const person = await countersign.person('zuzanna')
  await authorize(person, 'carol')
  const grant = await asking(person)
  await authorize(person, 'carol')
  await untilTold(person)
  const before = (await audited(person, 'connection.revoke')).length
  for (const times of [1, 2]) {
    await bringHome(grant, { access_token: `late ${times}`, token_type: 'bearer' })
    await untilTold(person)
    assert.equal((await audited(person, 'connection.revoke')).length, before + times)
  }
})

test('a file that does not open is named, and goes when it is of no use any more', async () => {
  const person = await countersign.person('zenobia')
  await authorize(person, 'carol')
  const { id, version } = await asking(person)
  const names = [`${randomUUID()}.1`, `${id}.${version}`, `${randomUUID()}.1`]
  const files = names.map((name) => join(folder, name))
  const [unreadable, torn, foreign] = files as [string, string, string]
  // It comes first or last, and no account may read so much at once.
  await writeFile(unreadable, '')
  await truncate(unreadable, 2 ** 31)
  await writeFile(torn, 'the beginning of an answer')
  // Its grant is unknown here: another installation may have this folder, too.
  await writeFile(foreign, 'sealed to another key')
  const said = () => countersign.logged.filter((line) => files.some((file) => line.includes(file)))
  await wakeScheduler(countersign)
  await until('all their names', async () => said().length === 3)
  await endAccessOf(person)
  await wakeScheduler(countersign)
  await until('the end of the torn one', async () => {
    return !(await readdir(folder)).includes(basename(torn))
  })
  const left = await readdir(folder)
  for (const file of [unreadable, foreign]) {
    assert.ok(left.includes(basename(file)))
    await rm(file)
  }
  assert.equal(said().length, 3)
})

test('tokens that were kept until the person has authorized anew are revoked, too', async () => {
  const person = await countersign.person('ada-maria')
  await authorize(person, 'carol')
  await endAccessOf(person)
  const grant = await asking(person)
  const { granted, body, release } = heldBack()
  const asked = ask('ada-maria@example.com').catch(tooLong)
  const late = await granted
  forge.holdBack = undefined
  await authorize(person, 'carol')
  await untilTold(person)
  await bringHome(grant, await body)
  await until('the end of the late token', async () => forge.token(late)?.revoked === true)
  const { access_token } = await currentTokens(person)
  assert.ok(forge.working(access_token))
  release()
  await asked
})

test('tokens that come after the person authorized anew are revoked, and the new ones live', async () => {
  const person = await countersign.person('anna')
  await authorize(person, 'carol')
  await endAccessOf(person)
  const { granted, release } = heldBack()
  const asked = ask('anna@example.com')
  const late = await granted
  forge.holdBack = undefined
  await authorize(person, 'carol')
  await untilRevoked(person, 1)
  assert.ok(forge.working(late))
  release()
  const { password } = await asked
  await until('the end of the late token', async () => forge.token(late)?.revoked === true)
  await untilRevoked(person, 2)
  assert.equal(password, (await currentTokens(person)).access_token)
  assert.ok(forge.working(password))
})

test('an answer that another vault brought home and refreshed is not ended', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'countersign-other-'))
  const { page_url, vault_key } = countersign
  await using other = await startVaultProcess({
    database_url: database.url,
    data_folder: folder.path,
    vault_key,
    page_url,
  })
  const person = await countersign.person('berta')
  await authorize(person, 'carol')
  await endAccessOf(person)
  const grant = await asking(person)
  const { granted, body, release } = heldBack()
  const asked = ask('berta@example.com').catch(tooLong)
  await granted
  forge.holdBack = undefined
  await bringHome(grant, await body)
  await endAccessOf(person)
  const { password } = await ask('berta@example.com', other.url)
  release()
  assert.equal((await asked)?.password ?? password, password)
  const refreshes = () => audited(person, 'connection.refresh')
  await until('the end of all three', async () => (await refreshes()).length === 3)
  assert.deepEqual(await refreshes(), [
    'grant of carol at Lab: refreshed',
    'grant of carol at Lab: refreshed',
    'grant of carol at Lab: too late',
  ])
  await untilTold(person)
  assert.deepEqual(await audited(person, 'connection.revoke'), [])
  assert.ok(forge.working(password))
})

test('tokens that are granted while the person gives up are revoked', async () => {
  const person = await countersign.person('ulla')
  const released = Promise.withResolvers<void>()
  const granted = new Promise<string>((resolve) => {
    forge.holdBack = (_path, { body }) => {
      const { access_token } = (body ?? {}) as { access_token?: string }
      if (access_token === undefined) return undefined
      resolve(access_token)
      return released.promise
    }
  })
  const { id, device } = await beginWithCode(person, row)
  devices.approve(device?.user_code ?? '', 'carol')
  const late = await granted
  await person.api.cancelAuthorizationRequest({ params: { id } })
  forge.holdBack = undefined
  released.resolve()
  await until('the end of the token', async () => forge.token(late)?.revoked === true)
  await untilRevoked(person, 1)
  assert.deepEqual(await audited(person, 'connection.revoke'), [
    'grant of an account at Lab: revoked',
  ])
})

test('who authorizes again ends the tokens there were, and keeps the new ones', async () => {
  const person = await countersign.person('wilma')
  await authorize(person, 'carol')
  const first = (await ask('wilma@example.com')).password
  await authorize(person, 'carol')
  const second = (await ask('wilma@example.com')).password
  assert.notEqual(first, second)
  await until('the end of the first token', async () => forge.token(first)?.revoked === true)
  await untilRevoked(person, 1)
  assert.ok(forge.working(second))

  // Another account, once the person has said so.
  const { id, device } = await beginWithCode(person, row)
  devices.approve(device?.user_code ?? '', 'dave')
  assert.equal((await outcomeOf(person, id)).status, 'account_changed')
  assert.ok(forge.working((await ask('wilma@example.com')).password), 'nothing ends before that')
  await person.api.confirmAuthorizationRequest({ params: { id } })
  assert.equal((await outcomeOf(person, id)).status, 'completed')
  await until('the end of the second token', async () => forge.token(second)?.revoked === true)
  const third = (await ask('wilma@example.com')).password
  assert.equal(forge.working(third)?.account.login, 'dave')
  await untilRevoked(person, 2)
  assert.deepEqual(
    await audited(person, 'connection.revoke'),
    Array(2).fill('grant of carol at Lab: revoked'),
  )
  assert.ok(forge.working(third))
})

async function ask(person: string, url = vault_url) {
  const { host } = new URL(forge.url)
  const body = { person, protocol: 'http', host } as const
  return await runtimeClient(url, lab.key).issueCredential({ body })
}

/** Who asks does not wait for as long as much is done meanwhile on a busy machine. */
function tooLong(error: unknown): undefined {
  assert.ok(error instanceof ProblemError && error.type === 'provider-unavailable', String(error))
}

async function refusedInTheEnd(person: string): Promise<void> {
  const error = await ask(person).then(
    () => assert.fail('it was given'),
    (refused: unknown) => refused,
  )
  if (error instanceof ProblemError && error.type === 'authorization-missing') return
  tooLong(error)
}

async function authorize(person: PersonClient, login: string): Promise<void> {
  const { id, device } = await beginWithCode(person, row)
  devices.approve(device?.user_code ?? '', login)
  const { status, problem } = await outcomeOf(person, id)
  assert.equal(status, 'completed', problem?.detail)
}

/** What a vault knows of a grant when it asks for the next tokens. */
async function asking(person: PersonClient): Promise<Claimed> {
  const { id } = await connection(person)
  return (await claimedRow(database.db, id)) ?? assert.fail('no grant')
}

/** Leaves an answer as a vault does that dies before the database has it. */
async function keep(grant: Claimed, answer: unknown): Promise<RefreshJournal> {
  const keyring = await openKeyring(database.db, countersign.vault_key)
  const journal = openRefreshJournal(folder, keyring)
  const place = { connection_id: grant.id, version: grant.version }
  journal.write({ ...place, grant, asked_at: Date.now(), answer: JSON.stringify(answer) })
  return journal
}

/** The same, and it starts again now. */
async function bringHome(grant: Claimed, answer: unknown): Promise<void> {
  const journal = await keep(grant, answer)
  await wakeScheduler(countersign)
  await until('the end of its file', async () => journal.count() === 0)
}

function mounted(...args: string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
}

/** The host answers 503 to being told of an end. */
const notTold = (path: string) => (path === '/oauth/revoke' ? { status: 503 } : undefined)

/** The token endpoint does what it is asked to, and its answers wait until they are released. */
function heldBack() {
  const released = Promise.withResolvers<void>()
  const body = new Promise<{ access_token: string }>((resolve) => {
    forge.holdBack = (path, reply) => {
      if (path !== TOKEN_ENDPOINT) return undefined
      resolve(reply.body as { access_token: string })
      return released.promise
    }
  })
  const release = () => {
    forge.holdBack = undefined
    released.resolve()
  }
  const granted = body.then(({ access_token }) => access_token)
  return { granted, body, release }
}

/** The access token is over, as far as we know. */
async function endAccessOf(person: PersonClient): Promise<void> {
  const { id } = await connection(person)
  await endAccess(countersign, id)
}

async function connection({ person }: PersonClient) {
  return await database.db
    .selectFrom('connections')
    .selectAll()
    .where('owner_id', '=', person.id)
    .executeTakeFirstOrThrow()
}

async function currentTokens(person: PersonClient): Promise<TokenSet> {
  const keyring = await openKeyring(database.db, countersign.vault_key)
  return await openTokenSet(keyring, await connection(person))
}

async function deleteAuthorization(person: PersonClient): Promise<void> {
  const { authorization } = await person.access(lab.runtime.id)
  await person.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
}

/** Resolves when the host has been told of all ends of theirs. */
async function untilTold(person: PersonClient): Promise<void> {
  const told = async () => (await revocationsLeft(person)).length === 0
  await until('the end of all revocations', told)
}

async function revocationsLeft({ person }: PersonClient) {
  return await database.db
    .selectFrom('revocations')
    .select('id')
    .where('owner_id', '=', person.id)
    .execute()
}

async function audited({ person }: PersonClient, action: string): Promise<string[]> {
  const rows = await database.db
    .selectFrom('audit')
    .select('subject')
    .where('action', '=', action)
    .where('owner_id', '=', person.id)
    .orderBy('id')
    .execute()
  return rows.map(({ subject }) => subject)
}

/** Resolves when the vault has said so many times what became of a grant of theirs. */
async function untilRevoked(person: PersonClient, times: number): Promise<void> {
  const many = async () => (await audited(person, 'connection.revoke')).length
  await until(`${times} revocations`, async () => (await many()) === times)
}
