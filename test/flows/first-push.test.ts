import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProblemError } from '../../src/contract/index.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'

test('a person authorizes a runtime, and it gets a credential as that person', async () => {
  await using countersign = await startCountersign()
  const { admin, provider, forge, vault_url } = countersign
  const { runtime, key } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const vault = runtimeClient(vault_url, key)
  const request = {
    body: { person: 'ada@example.com', protocol: 'http', host: new URL(forge.url).host },
  } as const

  await assert.rejects(
    vault.issueCredential(request),
    (error) => error instanceof ProblemError && error.type === 'authorization-missing',
  )
  const token = await forge.token()
  const candidate = await admin.addToken(row, token)
  assert.equal(candidate.status, 'accepted')

  const { authorization } = await admin.access(runtime.id)
  assert.equal(authorization?.connection.status, 'valid')
  assert.equal(authorization?.connection.account.login, 'alice')
  const credential = await vault.issueCredential(request)
  assert.equal(credential.username, 'oauth2')
  assert.equal(credential.password, token)

  await admin.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
  await assert.rejects(
    vault.issueCredential(request),
    (error) => error instanceof ProblemError && error.type === 'authorization-missing',
  )
})
