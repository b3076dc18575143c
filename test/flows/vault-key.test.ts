import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { type BoxAddress, sealBox } from '../../src/seal/box.ts'
import { generateVaultKey } from '../../src/seal/keys.ts'
import { startCountersign } from '../harness/countersign.ts'
import { registerClient } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'

/** What was sealed to a key that no vault of this database has: a page that is older than the key. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, provider } = countersign
const { api } = admin
const { runtime } = await countersign.runtime()
const row = { runtime_id: runtime.id, provider_id: provider.id }
const { key_id, public_key } = await generateVaultKey()

/** A box that would be good, but for the key. */
const sealed = (purpose: BoxAddress['purpose'], row_id: string, owner_id: string) =>
  sealBox(
    { key_id, public_key },
    { purpose, row_id, owner_id, provider_id: provider.id },
    'a secret of somebody',
  )

async function refused(call: Promise<unknown>): Promise<void> {
  const { detail } = await refusal(call, 'vault-key-unknown')
  assert.match(detail, /^Reload the page/)
}

test('a token', async () => {
  for (const [create, owner_id] of [
    [api.createCandidate, admin.person.id],
    [api.createRuntimeCandidate, runtime.id],
  ] as const) {
    const id = randomUUID()
    await refused(create({ body: { id, ...row, box: await sealed('candidate', id, owner_id) } }))
    await refusal(api.getCandidate({ params: { id } }), 'not-found')
  }
  assert.deepEqual(await database.db.selectFrom('candidates').selectAll().execute(), [])
})

test('the secret of an app, new or in the place of another', async () => {
  const { provider_id } = row
  const put = async () => {
    const { id } = await api.getClientForm({ query: { provider_id } })
    const client_secret_box = await sealed('client_secret', id, 'client')
    return await api.putClient({
      body: { id, provider_id, client_id: 'an-app', client_secret_box },
    })
  }
  const stored = () =>
    database.db.selectFrom('clients').select(['client_id', 'client_secret_box']).execute()
  await refused(put())
  assert.deepEqual(await stored(), [])
  const app = { url: forge.url, token: await forge.token('alice', ['all']) }
  await registerClient(admin, app, row)
  const before = await stored()
  await refused(put())
  assert.deepEqual(await stored(), before)
})

test('the verifier of an authorization', async () => {
  const random = 'x'.repeat(43)
  for (const [begin, owner_id] of [
    [api.beginAuthorization, admin.person.id],
    [api.beginRuntimeAuthorization, runtime.id],
  ] as const) {
    const id = randomUUID()
    const code_verifier_box = await sealed('code_verifier', id, owner_id)
    const body = { id, ...row, state: random, code_challenge: random, code_verifier_box }
    await refused(begin({ body }))
    await refusal(api.getAuthorizationRequest({ params: { id } }), 'not-found')
  }
})
