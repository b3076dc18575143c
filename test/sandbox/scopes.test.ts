import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allScopes, includesScopes, isPublicOnly, normalizeScopes } from '../../sandbox/scopes.ts'

test('scopes are normalised: order, doubles, and what a wider one includes', () => {
  assert.equal(normalizeScopes(['read:user', 'write:repository']), 'write:repository,read:user')
  assert.equal(normalizeScopes(['write:user', 'read:user', 'write:user', '']), 'write:user')
  assert.equal(normalizeScopes(['read:user', 'public-only']), 'public-only,read:user')
  assert.equal(normalizeScopes(allScopes()), 'all')
  assert.equal(normalizeScopes(['all', 'read:user']), 'all')
  assert.equal(normalizeScopes([]), '')
  assert.throws(() => normalizeScopes(['repo']), /^Error: invalid access token scope: repo$/)
})

test('a scope includes itself and, when it writes, reading', () => {
  assert.ok(includesScopes('write:user', ['read:user']))
  assert.ok(includesScopes('all', ['write:admin', 'read:issue']))
  assert.ok(!includesScopes('read:user', ['write:user']))
  assert.ok(!includesScopes('read:user', ['read:user', 'read:organization']))
  assert.ok(!includesScopes('', ['read:user']))
  assert.ok(isPublicOnly('public-only,read:user'))
  assert.ok(!isPublicOnly('all'))
})
