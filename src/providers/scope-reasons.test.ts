import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProviderKind } from '../contract/index.ts'
import { adapterFor } from './adapters.ts'
import { withReasons } from './scope-reasons.ts'

const WITHOUT = 'chosen by an administrator'

test('each scope that is usually asked for has a reason', () => {
  for (const { const: kind } of ProviderKind.anyOf) {
    const adapter = adapterFor(kind)
    for (const owner of ['person', 'runtime'] as const) {
      for (const { scope, reason } of withReasons(
        adapter,
        adapter.oauth.default_scopes[owner],
        owner,
      )) {
        assert.notEqual(reason, WITHOUT, `${kind}: ${scope} for a ${owner}`)
        assert.match(reason, /\S/)
      }
    }
  }
})

test('one that was added has the reason that it was', () => {
  const scopes = ['repository:write', 'issue']
  assert.deepEqual(withReasons(adapterFor('bitbucket'), scopes, 'person'), [
    { scope: 'repository:write', reason: 'to clone, fetch and push' },
    { scope: 'issue', reason: WITHOUT },
  ])
})
