import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  copyFile,
  mkdir,
  mkdtempDisposable,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { sealBox } from '../../src/seal/box.ts'
import { importVaultPrivateKey } from '../../src/seal/keys.ts'
import { keyringOf } from '../../src/vault/keyring.ts'
import { execute, isolated } from '../agent/git-end.ts'
import { countBoxes, rareBoxes } from '../harness/boxes.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'
import { authorized, endAccess } from '../harness/granted.ts'
import { answerAtForge, beginOAuth, comeBack } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { startVaultProcess } from '../harness/vault-process.ts'

const BOB = { login: 'bob', password: 'bob-demo' }
const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

/** Each column that has boxes. A new one belongs into src/vault/rotate-vault-key.ts, and here. */
const BOXES = [
  'authorization_requests.code_box',
  'authorization_requests.code_verifier_box',
  'authorization_requests.device_code_box',
  'authorization_requests.token_set_box',
  'candidates.box',
  'clients.client_secret_box',
  'connections.box',
  'connections.former_client_secret_box',
  'revocations.box',
  'revocations.client_secret_box',
]

const folder = await mkdtempDisposable(join(tmpdir(), 'countersign-rotate-'))
after(() => folder.remove())
const data = join(folder.path, 'data')
const file = join(data, 'vault.key')
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, provider, page_url } = countersign
const former = await importVaultPrivateKey(countersign.vault_key)
await mkdir(data)
await writeFile(file, `${countersign.vault_key}\n`)

const rotate = (settings: Record<string, string> = {}) =>
  execute(process.execPath, [MAIN, 'rotate-vault-key'], {
    env: isolated({ DATABASE_URL: database.url, COUNTERSIGN_DATA: data, ...settings }),
  })

const startVault = (vault_key: string) =>
  startVaultProcess({
    database_url: database.url,
    data_folder: join(folder.path, 'vault'),
    vault_key,
    page_url,
  })

const keyIn = async (name: string) => (await readFile(join(data, name), 'utf8')).trim()

const keyOfData = async () =>
  (await database.db.selectFrom('vault_keys').select('key_id').execute()).map((row) => row.key_id)

async function refused(settings: Record<string, string>, words: RegExp): Promise<void> {
  const before = await keyOfData()
  const { code, stdout, stderr } = await rotate(settings)
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, words)
  assert.deepEqual(await keyOfData(), before)
}

const token = await forge.token()
const own = await forge.token()
const [first, second, third] = [
  await countersign.runtime(),
  await countersign.runtime(),
  await countersign.runtime(),
]
const rowOf = ({ runtime }: typeof first) => ({
  runtime_id: runtime.id,
  provider_id: provider.id,
})
const host = new URL(forge.url).host
const granted = await authorized(countersign)
const bob = await countersign.person('bob')
const carol = await countersign.person('carol')
let pending: Awaited<ReturnType<typeof beginOAuth>>['request']
let candidate: string
let key: string

async function appOf(request_id: string): Promise<string> {
  const { client_row_id } = await database.db
    .selectFrom('authorization_requests')
    .select('client_row_id')
    .where('id', '=', request_id)
    .executeTakeFirstOrThrow()
  return client_row_id
}

async function refusedWithAnswers(secret: string, settings: Record<string, string> = {}) {
  const journal = join(data, 'refresh-journal')
  const answer = join(journal, `${randomUUID()}.1`)
  await mkdir(journal, { recursive: true })
  await writeFile(answer, 'not whole')
  await refused(settings, new RegExp(`${answer} does not open with the vault key.*Move it`))
  await writeFile(answer, (await keyringOf(secret)).sealNow('{}'))
  await refused(
    settings,
    /refresh-journal has answers in it that the database lacks\. Start the vault/,
  )
  await rm(answer)
}

/** What a person can have under way while no vault is there. */
async function underWay() {
  const begun = await beginOAuth(bob, granted.row)
  pending = begun.request
  await comeBack(await answerAtForge(begun.authorization_url, BOB), bob.cookie)
  candidate = randomUUID()
  await bob.api.createCandidate({
    body: { id: candidate, ...rowOf(third), token: await forge.token() },
  })
}

test('a rotation of the vault key is refused while a vault runs', async () => {
  await refused(
    {},
    /^countersign: A vault runs on this database\. Stop every .*nothing was changed\.\n$/,
  )
  assert.deepEqual(await readdir(data), ['vault.key'])
})

test('everything in the database is sealed anew, in one go', async () => {
  await admin.addToken(rowOf(first), token)
  await admin.addRuntimeToken(rowOf(first), own)
  await countersign.stopVaults()
  await refusedWithAnswers(countersign.vault_key)
  await underWay()
  const openWith = await rareBoxes(database, former, {
    ...rowOf(third),
    owner_id: carol.person.id,
    client_row_id: await appOf(pending.id),
  })
  for (const [column, { others }] of await countBoxes(database, former))
    assert.equal(others, 0, column)

  const { code, stdout, stderr } = await rotate()
  assert.equal(code, 0, stderr)
  key = await keyIn('vault.key')
  const { key_id } = await importVaultPrivateKey(key)
  const now = await countBoxes(database, { key_id })
  assert.deepEqual([...now.keys()], BOXES)
  let all = 0
  for (const [column, { its, others }] of now) {
    assert.ok(its > 0 && others === 0, `${column}: ${its} and ${others}`)
    all += its
  }
  await openWith(await keyringOf(key))
  assert.deepEqual(await keyOfData(), [key_id])
  assert.equal(await keyIn(`vault.key.${former.key_id}`), countersign.vault_key)
  assert.deepEqual((await readdir(data)).toSorted(), [
    'refresh-journal',
    'vault.key',
    `vault.key.${former.key_id}`,
  ])
  assert.ok(stdout.startsWith(`Sealed anew to vault key ${key_id}: ${all}.\n`), stdout)
  const { items } = await admin.api.listAudit({ query: { q: 'vault_key.rotate' } })
  assert.deepEqual(
    items.map(({ actor, subject }) => [actor.kind, subject]),
    [['setup', `from vault key ${former.key_id} to ${key_id}`]],
  )
})

test('what was under way comes to its end, and every token works as before', async () => {
  await using vault = await startVault(key)
  const ask = (who: { person: string } | { as_runtime: true }) =>
    runtimeClient(vault.url, first.key).issueCredential({
      body: { ...who, protocol: 'http', host },
    })
  assert.equal((await ask({ person: admin.person.email })).password, token)
  assert.equal((await ask({ as_runtime: true })).password, own)
  await until('the token that was handed in', async () => {
    const { status } = await bob.api.getCandidate({ params: { id: candidate } })
    assert.notEqual(status, 'refused')
    return status === 'accepted'
  })
  await until('the grant that was begun', async () => {
    const now = await bob.api.getAuthorizationRequest({ params: { id: pending.id } })
    assert.ok(now.status === 'exchanging' || now.status === 'completed', now.problem?.detail)
    return now.status === 'completed'
  })
  const before = await granted.ask(vault.url)
  await endAccess(countersign)
  assert.notEqual((await granted.ask(vault.url)).password, before.password)
  // It is known again: both runtimes use the one connection.
  await admin.addToken(rowOf(second), token)
  const connections = await Promise.all(
    [first, second].map(async ({ runtime }) => (await admin.access(runtime.id)).authorization),
  )
  assert.equal(connections[0]?.connection.id, connections[1]?.connection.id)
})

test('a page that was open is told to seal anew, and a vault with the former key ends', async () => {
  const id = randomUUID()
  const address = {
    purpose: 'candidate',
    row_id: id,
    owner_id: admin.person.id,
    provider_id: provider.id,
  } as const
  const box = await sealBox(former, address, token)
  await refusal(
    admin.api.createCandidate({ body: { id, ...rowOf(third), box } }),
    'vault-key-unknown',
  )
  await assert.rejects(startVault(countersign.vault_key), /sealed to vault key/)
})

test('one that was interrupted goes on with the key that the data has', async () => {
  const kept = join(data, `vault.key.${former.key_id}`)
  const places = async () => {
    const { code, stderr } = await rotate()
    assert.equal(code, 0, stderr)
    assert.equal(await keyIn('vault.key'), key)
    assert.equal(await keyIn(`vault.key.${former.key_id}`), countersign.vault_key)
  }
  // As after the transaction, and as between the steps that put the key in its place.
  await rename(file, `${file}.new`)
  await rename(kept, file)
  await places()
  await rename(file, `${file}.new`)
  await copyFile(kept, file)
  await places()
  await rename(file, `${file}.new`)
  await places()
})

test('where vaults are given the key, the new one is made first, to be kept, and then given', async () => {
  const given = { COUNTERSIGN_VAULT_KEY: key }
  // Moved here from another row, which nobody can mend.
  await sql`update candidates set box = (select box from connections where id <> candidates.id limit 1),
    status = 'checking' where id = ${candidate}`.execute(database.db)
  const made = await rotate(given)
  assert.equal(made.code, 0, made.stderr)
  assert.match(
    made.stdout,
    /^A new key is in .*\/vault\.key\.new, and nothing is sealed to it yet\./,
  )
  const next = await keyIn('vault.key.new')
  assert.deepEqual(await keyOfData(), [(await importVaultPrivateKey(key)).key_id])
  const once = await rotate(given)
  assert.equal(once.code, 0, once.stderr)
  assert.match(once.stdout, /: \d+\. 1 more did not open before, and are as they were\.\n/)
  assert.match(once.stdout, /give it to every vault in the place of the former one/)
  assert.equal(await keyIn('vault.key.new'), next)
  const { key_id } = await importVaultPrivateKey(next)
  assert.deepEqual(await keyOfData(), [key_id])
  const again = await rotate(given)
  assert.deepEqual([again.code, again.stdout.startsWith('The key is in ')], [0, true], again.stderr)
  assert.deepEqual(await keyOfData(), [key_id])
  // It may be the only copy there is.
  await refusedWithAnswers(next, { COUNTERSIGN_VAULT_KEY: next })
  assert.equal(await keyIn('vault.key.new'), next)
  for (const _ of ['made', 'rotated']) {
    const another = await rotate({ COUNTERSIGN_VAULT_KEY: next })
    assert.equal(another.code, 0, another.stderr)
    assert.notEqual(await keyIn('vault.key.new'), next)
    assert.equal(await keyIn(`vault.key.${key_id}`), next)
  }
  assert.deepEqual(await keyOfData(), [
    (await importVaultPrivateKey(await keyIn('vault.key.new'))).key_id,
  ])
  // Vaults have it in that file from now on.
  const moved = await keyIn('vault.key.new')
  await writeFile(file, moved)
  const last = await rotate()
  assert.equal(last.code, 0, last.stderr)
  assert.notEqual(await keyIn('vault.key'), moved)
  assert.deepEqual(await keyOfData(), [
    (await importVaultPrivateKey(await keyIn('vault.key'))).key_id,
  ])
  await refused(given, /The data in this database is sealed to vault key .* started with key/)
})
