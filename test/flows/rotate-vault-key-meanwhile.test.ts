import assert from 'node:assert/strict'
import { mkdir, mkdtempDisposable, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { livingVaults } from '../../src/jobs/worker-life.ts'
import { clientSecretAddress } from '../../src/registrations/clients.ts'
import { sealBox } from '../../src/seal/box.ts'
import { generateVaultKey, importVaultPrivateKey } from '../../src/seal/keys.ts'
import { openDatabase } from '../../src/store/database.ts'
import { keyringOf } from '../../src/vault/keyring.ts'
import { rotateVaultKey } from '../../src/vault/rotate-vault-key.ts'
import { execute, isolated } from '../agent/git-end.ts'
import { countBoxes, rareBoxes } from '../harness/boxes.ts'
import { startCountersign } from '../harness/countersign.ts'
import { authorized } from '../harness/granted.ts'
import { answerAtForge, beginOAuth, comeBack } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { startVaultProcess } from '../harness/vault-process.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

const folder = await mkdtempDisposable(join(tmpdir(), 'countersign-rotate-'))
after(() => folder.remove())
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, provider, page_url } = countersign
const { db } = database
const former = await importVaultPrivateKey(countersign.vault_key)

/** A data folder with this key. */
async function machine(name: string, key: string): Promise<string> {
  const data = join(folder.path, name)
  await mkdir(data)
  await writeFile(join(data, 'vault.key'), `${key}\n`)
  return data
}

const rotate = (data: string) =>
  execute(process.execPath, [MAIN, 'rotate-vault-key'], {
    env: isolated({ DATABASE_URL: database.url, COUNTERSIGN_DATA: data }),
  })

const keyIn = async (data: string) => (await readFile(join(data, 'vault.key'), 'utf8')).trim()

/** Statements that wait for a lock. */
const waiting = (count: number) =>
  until(`${count} that wait for a lock`, async () => {
    const { rows } = await sql`select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
    return rows.length === count
  })

test('pages are ready during a rotation, and what they take meanwhile opens with the new key', async () => {
  const { row } = await authorized(countersign)
  const bob = await countersign.person('bob')
  const { request, authorization_url } = await beginOAuth(bob, row)
  const callback = await answerAtForge(authorization_url, { login: 'bob', password: 'bob-demo' })
  await countersign.stopVaults()
  const { client } = await admin.api.getClientForm({ query: { provider_id: provider.id } })
  assert.ok(client !== null)
  const carol = await countersign.person('carol')
  await rareBoxes(database, former, { ...row, owner_id: carol.person.id, client_row_id: client.id })
  const secret = await sealBox(former, clientSecretAddress(placeOf(client.id)), 'another')
  const data = await machine('one', countersign.vault_key)

  const [rotation, put, back] = await db
    .transaction()
    .execute(async (trx) => {
      // It comes to this one when it has all others.
      await sql`select from authorization_requests where device_code_box is not null
      for update`.execute(trx)
      const rotated = rotate(data)
      await waiting(1)
      const ready = await fetch(`${page_url}/readyz`, { signal: AbortSignal.timeout(10_000) })
      assert.equal(ready.status, 200)
      const putting = refusal(
        admin.api.putClient({
          body: {
            id: client.id,
            provider_id: provider.id,
            client_id: client.client_id,
            client_secret_box: secret,
          },
        }),
        'vault-key-unknown',
      )
      putting.catch(() => {})
      const coming = comeBack(callback, bob.cookie)
      await waiting(3)
      return [rotated, putting, coming] as const
    })
    .then((all) => Promise.all(all))
  assert.equal(rotation.code, 0, rotation.stderr)
  assert.match(put.detail, /Reload the page/)
  assert.equal(back.origin, page_url)
  for (const [column, { others }] of await countBoxes(
    database,
    await importVaultPrivateKey(await keyIn(data)),
  ))
    assert.equal(others, 0, column)

  await using vault = await startVaultProcess({
    database_url: database.url,
    data_folder: join(folder.path, 'vault'),
    vault_key: await keyIn(data),
    page_url,
  })
  assert.ok(vault.url)
  await until('the grant that was begun', async () => {
    const now = await bob.api.getAuthorizationRequest({ params: { id: request.id } })
    assert.ok(now.status === 'exchanging' || now.status === 'completed', now.problem?.detail)
    return now.status === 'completed'
  })
})

function placeOf(id: string) {
  return { id, provider_id: provider.id }
}

test('a rotation gives up, and changes nothing, where a backup reads the tables for long', async () => {
  const data = join(folder.path, 'one')
  const key = await keyIn(data)
  await db.transaction().execute(async (trx) => {
    await sql`select from vault_keys`.execute(trx)
    const { code, stdout, stderr } = await rotate(data)
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /in use for long, such as a backup\. Try again .*nothing was changed\.\n$/)
  })
  assert.equal(await keyIn(data), key)
})

test('of two rotations at once, on two machines, one is done', async () => {
  const first = join(folder.path, 'one')
  const key = await keyIn(first)
  const second = await machine('two', key)
  // Both have seen the key of now before either of them takes the table.
  const all = await db
    .transaction()
    .execute(async (trx) => {
      await sql`lock table vault_keys in exclusive mode`.execute(trx)
      const both = [rotate(first), rotate(second)]
      await waiting(2)
      return both
    })
    .then((both) => Promise.all(both))
  assert.deepEqual(all.map(({ code }) => code).toSorted(), [0, 1])
  assert.match(all.map(({ stderr }) => stderr).join(''), /Another rotation has just come first/)
  const done = all[0]?.code === 0 ? first : second
  const { key_id } = await importVaultPrivateKey(await keyIn(done))
  assert.equal(await keyIn(done === first ? second : first), key)
  assert.deepEqual(await db.selectFrom('vault_keys').select('key_id').execute(), [{ key_id }])
  for (const [column, { others }] of await countBoxes(database, { key_id }))
    assert.equal(others, 0, column)
})

/** A vault with the key of now, and that key. */
async function vaultOfNow() {
  const { key_id } = await db.selectFrom('vault_keys').select('key_id').executeTakeFirstOrThrow()
  const keys = await Promise.all(['one', 'two'].map((name) => keyIn(join(folder.path, name))))
  const rings = await Promise.all(keys.map(keyringOf))
  const index = rings.findIndex((ring) => ring.key_id === key_id)
  const vault = await startVaultProcess({
    database_url: database.url,
    data_folder: join(folder.path, 'vault'),
    vault_key: keys[index] ?? '',
    page_url,
  })
  return { vault, from: rings[index] ?? assert.fail() }
}

const SEALED_TO = /countersign: The data in this database is sealed to vault key/

const cutWorker = () =>
  sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'countersign worker'`.execute(db)

test('a vault that is back asks again for its key where the first answer is lost', async () => {
  const { vault: started, from } = await vaultOfNow()
  await using vault = started
  const setKey = (key_id: string) => sql`update vault_keys set key_id = ${key_id}`
  await db.transaction().execute(async (trx) => {
    await sql`lock table vault_keys in access exclusive mode`.execute(trx)
    await cutWorker()
    await until('an answer that is lost', async () => {
      const { rows } = await sql`select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'
          and query like '%vault_keys%'`.execute(db)
      return rows.length > 0
    })
    await setKey('another').execute(trx)
  })
  assert.equal(await vault.gone, 1)
  assert.match(vault.said.join('\n'), SEALED_TO)
  await setKey(from.key_id).execute(db)
})

test('a vault that could not be seen during a rotation ends when it is back', async () => {
  const { vault: started, from } = await vaultOfNow()
  await using vault = started
  const elsewhere = new URL(database.url)
  const its = sql.id(elsewhere.pathname.slice(1))
  elsewhere.pathname = '/postgres'
  await using other = openDatabase(elsewhere.href, { max: 1, onError: () => {} })
  const connections = (allowed: boolean) =>
    sql`alter database ${its} allow_connections ${sql.lit(allowed)}`.execute(other.db)
  await connections(false)
  try {
    await cutWorker()
    await until('no vault to be seen', async () => (await livingVaults(db)) === 0)
    const to = await keyringOf((await generateVaultKey()).private_key)
    await rotateVaultKey(db, { from, to }, async () => {})
  } finally {
    await connections(true)
  }
  assert.equal(await vault.gone, 1)
  assert.match(vault.said.join('\n'), SEALED_TO)
})
