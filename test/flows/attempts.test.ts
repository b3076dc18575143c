import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { currentVaultKey } from '../../src/authorizations/vault-key.ts'
import { sealBox } from '../../src/seal/box.ts'
import { startCountersign } from '../harness/countersign.ts'
import type { PersonClient } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, provider } = countersign

/** Makes as many attempts as are allowed, then one more. */
async function exhaust(
  most: number,
  attempt: () => Promise<unknown>,
  otherwise: Parameters<typeof refusal>[1],
): Promise<void> {
  for (let made = 0; made < most; made += 1) await refusal(attempt(), otherwise)
  const { extensions } = await refusal(attempt(), 'too-many-attempts')
  assert.ok(Number(extensions?.retry_after) <= 300)
}

test('one person can have Git hosts asked about tokens so often, and others go on', async () => {
  const check = ({ api }: PersonClient) => api.checkConnection({ params: { id: randomUUID() } })
  const eager = await countersign.person('eager')
  await exhaust(60, () => check(eager), 'not-found')
  await refusal(check(admin), 'not-found')
})

test('one person can begin so many authorizations, and others go on', async () => {
  const address = {
    purpose: 'code_verifier',
    row_id: randomUUID(),
    owner_id: admin.person.id,
    provider_id: provider.id,
  } as const
  const body = {
    id: address.row_id,
    runtime_id: randomUUID(),
    provider_id: provider.id,
    state: 'x'.repeat(43),
    code_challenge: 'x'.repeat(43),
    code_verifier_box: await sealBox(await currentVaultKey(database.db), address, 'verifier'),
  }
  const eager = await countersign.person('keen')
  const { id } = eager.person
  await admin.api.updatePerson({ params: { id }, body: { role: 'admin' } })
  const begun = [eager.api.beginAuthorization, eager.api.beginRuntimeAuthorization]
  let turn = 0
  await exhaust(100, async () => await begun[turn++ % 2]?.({ body }), 'provider-not-on-runtime')
  await refusal(admin.api.beginAuthorization({ body }), 'provider-not-on-runtime')
})
