import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { startCountersign } from '../harness/countersign.ts'
import { refusal } from '../harness/problems.ts'

/* An id has one form: what is compared with it as a text, or sealed to it, goes by that. */

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, forge, provider } = countersign
const { runtime } = await countersign.runtime()
const row = { runtime_id: runtime.id, provider_id: provider.id }

test('a Git host that a runtime keeps is not taken from it for how its id is written', async () => {
  await admin.addToken(row, await forge.token())
  const body = { provider_ids: [provider.id.toUpperCase()] }
  await refusal(admin.api.updateRuntime({ params: { id: runtime.id }, body }), 'request-invalid')
  const { authorization } = await admin.access(runtime.id)
  assert.equal(authorization?.connection.status, 'valid')
})

test('no secret is sealed to an id that is not the one of its row', async () => {
  const id = randomUUID().toUpperCase()
  const token = await forge.token()
  await refusal(admin.api.createCandidate({ body: { id, ...row, token } }), 'request-invalid')
  const app = { id, provider_id: provider.id, client_id: 'x', client_secret: 'y' }
  await refusal(admin.api.putClient({ body: app }), 'request-invalid')
})
