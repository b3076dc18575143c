import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashRuntimeKey, isRuntimeKey, newRuntimeKey, runtimeKeyHint } from './runtime-key.ts'

test('a new key has the form that secret scanners look for', () => {
  const key = newRuntimeKey()
  assert.match(key, /^csr_[0-9A-Za-z]{44}$/)
  assert.ok(isRuntimeKey(key))
  assert.equal(key.slice(-4), runtimeKeyHint(key))
})

test('one changed character is noticed by the checksum', () => {
  const key = newRuntimeKey()
  for (let index = 4; index < key.length; index += 1) {
    const other = key[index] === 'a' ? 'b' : 'a'
    assert.equal(isRuntimeKey(key.slice(0, index) + other + key.slice(index + 1)), false)
  }
  assert.equal(isRuntimeKey(key.replace('csr_', 'csl_')), false)
  assert.equal(isRuntimeKey(''), false)
})

test('keys differ, and so do their hashes', () => {
  const keys = Array.from({ length: 200 }, newRuntimeKey)
  assert.equal(new Set(keys).size, keys.length)
  assert.equal(new Set(keys.map((key) => hashRuntimeKey(key).toString('hex'))).size, keys.length)
})
