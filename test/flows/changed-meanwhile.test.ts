import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { getAccess } from '../../src/authorizations/get-access.ts'
import { listAccess } from '../../src/authorizations/list-access.ts'
import { type Db, openDatabase } from '../../src/store/database.ts'
import { startCountersign } from '../harness/countersign.ts'
import { startNetwork } from '../harness/network.ts'

/* What is read by several statements shows what there was at one moment. */

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, provider } = countersign

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
