import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Grant } from './grant.ts'
import { createGrantCache, type GrantCache } from './grant-cache.ts'

const LIMITS = { entries: 2, age_ms: 1000 }
const grantNamed = (username: string) => ({ username }) as Grant

test('drops what was not used for longest', () => {
  using cache = createGrantCache(LIMITS)
  cache.set('a', grantNamed('a'))
  cache.set('b', grantNamed('b'))
  cache.get('a')
  cache.set('c', grantNamed('c'))
  assert.equal(cache.get('b'), undefined)
  assert.equal(cache.get('a')?.username, 'a')
  assert.equal(cache.get('c')?.username, 'c')
})

test('a grant is not used beyond its age, however often it is asked for', () => {
  let time = 0
  using cache = createGrantCache(LIMITS, () => time)
  const grant = grantNamed('a')
  cache.set('a', grant)
  time = 999
  assert.equal(cache.get('a'), grant)
  cache.set('a', grant)
  time = 1000
  assert.equal(cache.get('a'), undefined)
})

test('a grant that nobody asks for leaves memory', { timeout: 30_000 }, async () => {
  using cache = createGrantCache({ entries: 2, age_ms: 1 })
  const kept = keepOne(cache)
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  while (kept.deref() !== undefined) {
    await pause(5)
    collect()
  }
})

/** In a function of its own: nothing on the test's stack refers to the grant. */
function keepOne(cache: GrantCache): WeakRef<Grant> {
  const grant = grantNamed('a')
  cache.set('a', grant)
  return new WeakRef(grant)
}
