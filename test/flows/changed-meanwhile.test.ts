import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { getAccess } from '../../src/authorizations/get-access.ts'
import { listAccess } from '../../src/authorizations/list-access.ts'
import { listRuntimeTokens } from '../../src/authorizations/runtime-tokens.ts'
import { getClientForm } from '../../src/registrations/client-form.ts'
import { listRuntimeProviders } from '../../src/runtimes/runtime-providers.ts'
import { type Db, openDatabase } from '../../src/store/database.ts'
import { viewRuntime } from '../../src/vault/runtime-view.ts'
import { startCountersign } from '../harness/countersign.ts'
import { authorized } from '../harness/granted.ts'
import { startNetwork } from '../harness/network.ts'

/* What is read by several statements shows what there was at one moment. */

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, page_url, provider } = countersign

/**
 * Reads, and has something change after the first answer with these words.
 *
 * @param words of an answer that others follow, which would show the change
 */
async function readAs<T>(
  words: string,
  read: (db: Db) => Promise<T>,
  change: () => Promise<unknown>,
): Promise<T> {
  await using network = await startNetwork(database.url)
  await using own = openDatabase(network.url, { max: 1, onError: () => {} })
  const held = network.holdAnswer(words)
  const reading = read(own.db)
  const { release } = await held
  await change()
  release()
  return await reading
}

test('a row that is authorized while the list is read is in it, once', async () => {
  const { runtime } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const token = await forge.token()
  const read = (db: Db) => listAccess(db, admin.person.id, { limit: 25 })
  const { items } = await readAs('hidden_notice_id', read, () => admin.addToken(row, token))
  assert.deepEqual(
    items.map((item) => [item.runtime.id, item.authorization]),
    [[runtime.id, null]],
  )
  assert.equal((await admin.access(runtime.id)).authorization?.connection.status, 'valid')
})

test('of a token that is replaced while its panel is read, all that shows is of one moment', async () => {
  const { runtime } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  await admin.addToken(row, await forge.token())
  const before = await admin.access(runtime.id)
  const token = await forge.token('bob')
  const read = (db: Db) => getAccess(db, admin.person.id, row)
  const { authorization } = await readAs('hidden_notice_id', read, () => admin.addToken(row, token))
  assert.deepEqual(authorization, before.authorization)
  const { connection } = (await admin.access(runtime.id)).authorization ?? assert.fail()
  assert.equal(connection.account.login, 'bob')
})

test("of a runtime's own tokens that are taken from it meanwhile, none is missing beside its host", async () => {
  const { runtime } = await countersign.runtime()
  const params = { id: runtime.id }
  await admin.addRuntimeToken(
    { runtime_id: runtime.id, provider_id: provider.id },
    await forge.token(),
  )
  const { items } = await readAs(
    'client_registered',
    (db) => listRuntimeTokens(db, runtime.id, { limit: 25 }),
    () => admin.api.updateRuntime({ params, body: { provider_ids: [] } }),
  )
  assert.deepEqual(
    items.map(({ connection }) => connection?.status),
    ['valid'],
  )
  assert.deepEqual((await admin.api.listRuntimeTokens({ params })).items, [])
})

test('of a runtime that is removed meanwhile there are the settings, or none of it', async () => {
  const { runtime } = await countersign.runtime()
  const params = { id: runtime.id }
  const { items } = await readAs(
    'agent_version',
    (db) => listRuntimeProviders(db, runtime.id, { limit: 25 }),
    () => admin.api.deleteRuntime({ params }),
  )
  assert.deepEqual(
    items.map((item) => item.provider.id),
    [provider.id],
  )
})

test('a runtime is told of its hosts and of who has authorized them, as it was together', async () => {
  const { runtime } = await countersign.runtime()
  await admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, await forge.token())
  const caller = { ...runtime, key_id: runtime.keys[0]?.id ?? '' }
  const view = await readAs(
    'base_url',
    (db) => viewRuntime(db, caller, { person: admin.person.email, page_url }),
    () => admin.api.updateRuntime({ params: { id: runtime.id }, body: { provider_ids: [] } }),
  )
  assert.deepEqual(
    [view.providers, view.person?.authorizations].map((all) => all?.length),
    [1, 1],
  )
})

test('an app that is removed while its form is read is not said to be used by nobody', async () => {
  await authorized(countersign)
  const place = { provider_id: provider.id }
  const { client } = await admin.api.getClientForm({ query: place })
  const form = await readAs(
    'public_client',
    (db) => getClientForm(db, page_url, place),
    () => admin.api.deleteClient({ params: { id: client?.id ?? '' } }),
  )
  assert.deepEqual([form.client?.id, form.used_by], [client?.id, { people: 1, runtimes: 1 }])
})
