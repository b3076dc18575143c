import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { newRuntimeKey } from '../../src/runtimes/runtime-key.ts'
import type { Database } from '../../src/store/database.ts'
import { startEmbeddedPostgres } from '../../src/store/embedded.ts'
import { openKeyring } from '../../src/vault/keyring.ts'
import { execute, isolated, temporaryFolder } from '../agent/git-end.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import {
  ageFailure,
  connectionOf,
  cutOffAtTheRow,
  endAccess,
  TOKEN_ENDPOINT,
} from '../harness/granted.ts'
import { answerAtForge, beginOAuth, comeBack, registerClient } from '../harness/oauth.ts'
import { joinAs, PASSWORD } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { agentsLog, everyFlowAtGitlab, everyFlowOfACommandLine, type Keep } from './canary-flows.ts'
import { disguises } from './disguises.ts'
import { recordAnswers } from './recorded-answers.ts'
import { allRows } from './whole-database.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

/** Secrets by what they are: `token …`, `runtime key …`, `invitation …` and so on. */
type Secrets = Map<string, string>

/** What each of these may answer, and nothing else may. */
const ANSWERED: Record<string, string> = {
  'POST /api/v1/credential': 'token',
  'POST /api/v1/runtimes': 'runtime key',
  'POST /api/v1/runtimes/:id/keys': 'runtime key',
  'POST /api/v1/invites': 'invitation',
  // The address at the Git host; the browser that asks has made it itself.
  'POST /api/v1/authorization-requests': 'state',
  // What somebody types at the Git host; it opens nothing by itself.
  'GET /api/v1/authorization-requests/:id': 'user code',
  'POST /api/v1/device-sign-ins': 'sign-in',
  // The code of whoever asks with it.
  'POST /api/v1/device-sign-ins/read': 'sign-in user code',
  'POST /api/v1/device-sign-ins/redeem': 'sign-in token',
}

test('after every flow, no secret is anywhere but where it belongs', async () => {
  await using folder = await temporaryFolder()
  const postgres_log: string[] = []
  await using postgres = await startEmbeddedPostgres({
    folder: folder.path,
    onLog: (line) => void postgres_log.push(line),
    settings: { log_statement: 'all', fsync: 'off' },
  })
  using recorded = recordAnswers()
  await using countersign = await startCountersign({
    database_url: postgres.url,
    env: { COUNTERSIGN_DATA: join(folder.path, 'data') },
  })
  const { database, logged, page_url, vault_url } = countersign
  const secrets: Secrets = new Map([
    ['password of everybody', PASSWORD],
    ['session secret', countersign.session_secret],
    ['private key of the vault', countersign.vault_key],
  ])
  const outputs = await everyFlow(countersign, secrets)
  for (const url of [page_url, vault_url]) await fetch(`${url}/metrics`)
  await countersign.admin.api.listAudit({ query: { limit: 100 } })
  await sql`checkpoint`.execute(database.db)

  // The code of a runtime's authorization is there for the person to read, while they may use it.
  const sealed = new Map([...secrets].filter(([name]) => !name.startsWith('user code')))
  assert.deepEqual(await secretsInDatabase(database, sealed), [])
  assert.deepEqual(await secretsInFiles(folder.path, sealed), [])
  assert.ok(logged.some((line) => line.includes('check-candidate')))
  assert.deepEqual(secretsIn(logged, secrets), [])
  assert.ok(postgres_log.some((line) => line.includes('insert into "candidates"')))
  assert.deepEqual(secretsIn(postgres_log, sealed), [])
  assert.deepEqual(secretsIn(outputs, secrets), [])
  assert.ok(recorded.answers.length > 50)
  for (const { origin, route, text } of recorded.answers) {
    if (![page_url, vault_url].includes(origin)) continue
    const allowed = ANSWERED[route]
    const forbidden = [...secrets].filter(([name]) => !allowed || !name.startsWith(allowed))
    assert.deepEqual(secretsIn([text], new Map(forbidden)), [], route)
  }
  await showThatTheScanFinds(database, sealed)
})

/** Takes secrets of every kind through all that can be done with them, by each way there is. */
async function everyFlow(countersign: Countersign, secrets: Secrets): Promise<string[]> {
  const { admin, forge, provider, vault_url, page_url } = countersign
  const keep: Keep = (name, secret) => {
    assert.ok(secret.length > 5, name)
    secrets.set(name, secret)
    return secret
  }
  secrets.set('cookie', decodeURIComponent(admin.cookie.split('=')[1] ?? ''))

  const { runtime, key } = await countersign.runtime()
  keep('runtime key', key)
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const host = new URL(forge.url).host
  const body = { person: admin.person.email, protocol: 'http', host, path: 'alice/hello' } as const
  const vault = runtimeClient(vault_url, key)

  const { url } = await admin.api.createInvite({ body: { role: 'member' } })
  const bob = await joinAs(page_url, keep('invitation', url.split('#')[1] ?? ''), 'bob')
  const wrong = keep('password that is wrong', `wrong ${randomUUID()}`)
  const signIn = { body: { email: bob.person.email, password: wrong } }
  await refusal(bob.api.signIn(signIn), 'sign-in-failed')
  await refusal(bob.api.listAudit({ query: { q: 'seen' } }), 'not-an-administrator')

  const sealed = keep('token sealed', await forge.token())
  assert.equal((await admin.addToken(row, sealed)).status, 'accepted')
  assert.equal((await vault.issueCredential({ body })).password, sealed)
  await admin.checkNow(runtime.id)
  for (const kind of ['status', 'html', 'reset', 'redirect', 'endless', 'other-forge']) {
    await forge.control('POST', '/control/faults', { kind })
    const { status } = await admin.addToken(row, keep(`token at ${kind}`, unknownToken()))
    assert.equal(status, 'not_checked')
    await forge.control('DELETE', '/control/faults')
  }
  const refusedToken = keep('token unknown', unknownToken())
  assert.equal((await admin.addTokenInClear(row, refusedToken)).status, 'refused')
  const poor = keep('token with few scopes', await forge.token('alice', ['read:user']))
  assert.equal((await admin.addToken(row, poor)).status, 'refused')
  const cleared = keep('token in the clear', await forge.token())
  const quoted = ` "${cleared}"\n`
  assert.equal((await admin.addTokenInClear(row, quoted)).status, 'accepted')
  assert.equal((await vault.issueCredential({ body })).password, cleared)
  await vault.reportCredential({ body })

  const candidate = { id: randomUUID(), ...row }
  for (const [type, text] of [
    ['token-malformed', `${keep('token with a space', unknownToken())} x`],
    ['token-of-another-provider', keep('token of GitHub', `ghp_${unknownToken()}`)],
    ['token-too-long', keep('token that is long', unknownToken()).repeat(300)],
  ] as const) {
    await refusal(admin.api.createCandidate({ body: { ...candidate, token: text } }), type)
  }
  const broken = keep('token in a broken request', unknownToken())
  for (const text of [
    `{"token":"${broken}`,
    `${broken}`,
    JSON.stringify({ ...candidate, unknown: broken }),
    JSON.stringify({ ...candidate, token: [broken] }),
    JSON.stringify({ ...candidate, token: broken, id: broken }),
    JSON.stringify({ ...candidate, token: broken, expires_at: broken }),
  ]) {
    const response = await fetch(`${page_url}/api/v1/candidates`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', cookie: admin.cookie },
      body: text,
    })
    assert.ok(response.status >= 400, text)
  }

  const outputs = [await pushAs(admin.person.email, countersign, key)]
  assert.equal((await forge.pushes()).length, 1)
  assert.match(outputs[0] ?? '', /^git\n-c\ncore\.hooksPath=\.\.\npush$/m, 'the hook saw Git')
  const stranger = runtimeClient(vault_url, keep('runtime key unknown', newRuntimeKey()))
  await refusal(stranger.issueCredential({ body }), 'runtime-key-invalid')
  const rotated = await admin.api.createRuntimeKey({ params: { id: runtime.id } })
  const next = runtimeClient(vault_url, keep('runtime key rotated', rotated.key))
  assert.equal((await next.issueCredential({ body })).password, cleared)

  await forge.control('POST', '/control/tokens/revoke', { sha1: cleared })
  assert.equal((await admin.checkNow(runtime.id)).status, 'rejected')
  await refusal(vault.issueCredential({ body }), 'credential-rejected')
  outputs.push(await pushAs(admin.person.email, countersign, key))
  assert.match(outputs[1] ?? '', /^countersign: .* Replace it at http/m)

  const kept = keep('token kept', await forge.token())
  await admin.addToken(row, kept)
  const other = await countersign.runtime()
  keep('runtime key other', other.key)
  const { authorization } = await admin.access(runtime.id)
  const connection_id = authorization?.connection.id ?? ''
  const shared = { ...row, runtime_id: other.runtime.id, connection_id }
  await admin.api.createAuthorization({ body: shared })
  await admin.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
  await refusal(vault.issueCredential({ body }), 'authorization-missing')
  const robot = keep('token of the runtime itself', await forge.token('bob', ['all']))
  assert.equal((await admin.addRuntimeToken(row, robot)).status, 'accepted')
  const asItself = { as_runtime: true, protocol: 'http', host } as const
  assert.equal((await vault.issueCredential({ body: asItself })).password, robot)
  outputs.push(...(await everyFlowOfACommandLine(countersign, keep)))
  outputs.push(await agentsLog(countersign, keep))
  await everyFlowAtGitlab(countersign, keep)
  await everyOAuthFlow(countersign, keep)
  // Bob's token and one of the administrator's stay, so that there is something to find.
  await bob.addToken(row, keep('token of Bob', await forge.token('bob')))
  return outputs
}

/** The same for OAuth2: what is registered, sent there and back, exchanged and refreshed. */
async function everyOAuthFlow(countersign: Countersign, keep: Keep): Promise<void> {
  const { admin, forge, provider, database, vault_key, vault_url } = countersign
  const { runtime, key } = await countersign.runtime()
  keep('runtime key for OAuth', key)
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const builder = { url: forge.url, token: await forge.token('alice', ['all']) }
  const { client_secret, ...client } = await registerClient(admin, builder, row)
  keep('client secret', client_secret)
  await admin.api.testClient({ params: { id: client.id } })
  // It asks where answers are prepared below, each for the next who asks.
  await until('the end of the test of an app', async () => {
    const form = await admin.api.getClientForm({ query: { provider_id: row.provider_id } })
    return form.client?.test !== null
  })

  const account = { login: 'alice', password: 'alice-demo' }
  /** Has the forge answer the next request for tokens with secrets in every place there is. */
  const answerWith = (name: string, more: object, fault: object = {}) =>
    forge.control('POST', '/control/faults', {
      match: TOKEN_ENDPOINT,
      times: 1,
      kind: 'answer',
      body: JSON.stringify({
        access_token: keep(`access token ${name}`, unknownToken()),
        refresh_token: keep(`refresh token ${name}`, unknownToken()),
        error_description: keep(`description ${name}`, unknownToken()),
        ...more,
      }),
      ...fault,
    })

  async function authorize(name: string, spoil?: (query: URLSearchParams) => void) {
    const { request, authorization_url, state, code_verifier } = await beginOAuth(admin, row)
    keep(`state ${name}`, state)
    keep(`verifier ${name}`, code_verifier)
    const callback = new URL(await answerAtForge(authorization_url, account))
    keep(`code ${name}`, callback.searchParams.get('code') ?? '')
    spoil?.(callback.searchParams)
    await using events = await admin.events()
    await comeBack(callback.href, admin.cookie)
    // Once more: what is replayed is answered, and logged.
    await comeBack(callback.href, admin.cookie)
    return await events.until(async () => {
      const { status } = await admin.api.getAuthorizationRequest({ params: { id: request.id } })
      return status === 'pending' || status === 'exchanging' ? undefined : status
    })
  }
  const told = keep('description of an error', unknownToken())
  const fail = (query: URLSearchParams) => {
    query.set('error', 'server_error')
    query.set('error_description', told)
  }
  assert.equal(await authorize('declined', fail), 'refused')
  const mixUp = (query: URLSearchParams) => query.set('iss', 'https://evil.example')
  assert.equal(await authorize('mixed up', mixUp), 'refused')
  await answerWith('of another type', { token_type: 'mac' })
  assert.equal(await authorize('answered oddly'), 'refused')
  await answerWith('beside an error', { error: 'invalid_grant' }, { status: 400 })
  assert.equal(await authorize('refused'), 'refused')
  assert.equal(await authorize('taken'), 'completed')

  const keepTokens = async (name: string) => {
    const { id, owner_id, provider_id, box } = await connectionOf(countersign)
    const keyring = await openKeyring(database.db, vault_key)
    const address = { purpose: 'token_set', row_id: id, owner_id, provider_id } as const
    const { access_token, refresh_token } = JSON.parse(await keyring.open(address, box))
    keep(`token by OAuth ${name}`, access_token)
    keep(`refresh token ${name}`, refresh_token)
  }
  await keepTokens('granted')
  const host = new URL(forge.url).host
  const body = { person: admin.person.email, protocol: 'http', host } as const
  const ask = () => runtimeClient(vault_url, key).issueCredential({ body })
  for (const [name, more, fault] of [
    ['of a refresh of another type', { token_type: 'mac' }, {}],
    ['of a refresh in a page', {}, { body: keep('token in a page', unknownToken()) }],
    ['of a refresh without a token', { access_token: 7 }, {}],
    ['of a refresh beside an error', { error: 'slow_down' }, {}],
    ['of a refresh that failed', {}, { status: 500 }],
  ] as const) {
    await endAccess(countersign)
    await answerWith(name, more, fault)
    await refusal(ask(), 'provider-unavailable')
  }
  await ageFailure(countersign)
  await ask()
  await keepTokens('refreshed')
  // The next answer stays on disk: what is there is encrypted.
  await endAccess(countersign)
  await cutOffAtTheRow(countersign, (await connectionOf(countersign)).id, ask)
}

/** Clones, commits and pushes; what was printed, and what every process showed of itself then. */
async function pushAs(person: string, { vault_url, forge }: Countersign, key: string) {
  await using folder = await temporaryFolder()
  const keyFile = join(folder.path, 'runtime.key')
  await writeFile(keyFile, key, { mode: 0o600 })
  const hook = `#!/bin/sh
    cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>&1 | tr '\\0' '\\n' >&2`
  await writeFile(join(folder.path, 'pre-push'), hook, { mode: 0o755 })
  const script = `set -x; env
    git clone ${forge.url}/alice/private-notes.git work && cd work || exit 1
    git commit --allow-empty -m canary
    GIT_TRACE=1 GIT_CURL_VERBOSE=0 git -c core.hooksPath=.. push
    cat .git/config`
  const args = [MAIN, 'run', '--as', person, '--', 'sh', '-c', script]
  const env = isolated({
    COUNTERSIGN_VAULT_URL: vault_url,
    COUNTERSIGN_RUNTIME_KEY_FILE: keyFile,
  })
  const { stdout, stderr } = await execute(process.execPath, args, { env, cwd: folder.path })
  return stdout + stderr
}

function unknownToken(): string {
  return randomBytes(20).toString('hex')
}

/** Which of the secrets are in which of the texts, in any form. */
function secretsIn(texts: readonly string[], secrets: Secrets): string[] {
  return [...secrets].flatMap(([name, secret]) => {
    const forms = disguises(secret)
    const found = texts.filter((text) => forms.some((form) => text.includes(form)))
    return found.map((text) => `${name}: ${text.slice(0, 400)}`)
  })
}

async function secretsInDatabase(database: Database, secrets: Secrets): Promise<string[]> {
  const rows = await allRows(database)
  const texts = rows.map(({ table, text }) => `${table} ${text}`)
  return secretsIn(texts, secrets)
}

/** What PostgreSQL has on disk: deleted rows and the write-ahead log too. */
async function secretsInFiles(folder: string, secrets: Secrets): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const bytes = await readFile(join(entry.parentPath, entry.name)).catch(nothingIfGone)
    for (const [name, secret] of secrets) {
      if (bytes.includes(secret)) found.push(`${name}: ${entry.name}`)
    }
  }
  return found
}

/** PostgreSQL is still at work, and takes files away. */
function nothingIfGone(error: NodeJS.ErrnoException): Buffer {
  if (error.code !== 'ENOENT') throw error
  return Buffer.alloc(0)
}

/** A scan that finds nothing proves nothing: here it has something to find. */
async function showThatTheScanFinds(database: Database, secrets: Secrets): Promise<void> {
  const secret = secrets.get('token sealed') ?? ''
  const { db } = database
  await sql`create table harmless (text text, json jsonb, bytes bytea)`.execute(db)
  const column = { text: sql`null`, json: sql`null`, bytes: sql`null` }
  for (const planted of [
    { ...column, text: sql`${`before ${secret} after`}` },
    { ...column, text: sql`${[...secret].reverse().join('')}` },
    { ...column, text: sql`${Buffer.from(`xx${secret}`).toString('base64')}` },
    { ...column, json: sql`${JSON.stringify({ deep: [secret] })}` },
    { ...column, bytes: sql`${Buffer.from(secret)}` },
  ]) {
    await sql`insert into harmless values
      (${planted.text}::text, ${planted.json}::jsonb, ${planted.bytes}::bytea)`.execute(db)
    const found = await secretsInDatabase(database, secrets)
    assert.ok(found.length > 0 && found.every((line) => line.startsWith('token sealed: ')))
    await sql`truncate harmless`.execute(db)
  }
}
