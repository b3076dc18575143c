import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPictureCache } from './picture-cache.ts'

const picture = (length: number) => ({ type: 'image/png', bytes: Buffer.alloc(length) })

test('a picture is kept for so long, and no longer', () => {
  let now = 0
  const cache = createPictureCache({ bytes: 100, age_ms: 1000 }, () => now)
  const shown = picture(10)
  cache.set('a', shown)
  now = 999
  assert.equal(cache.get('a'), shown)
  now = 1000
  assert.equal(cache.get('a'), undefined, 'that it was shown makes it no newer')
})

test('what was shown longest ago makes room, and nothing larger than all is kept', () => {
  const cache = createPictureCache({ bytes: 100, age_ms: 1000 }, () => 0)
  for (const key of ['a', 'b']) cache.set(key, picture(40))
  cache.set('b', picture(45))
  cache.get('a')
  cache.set('c', picture(50))
  const kept = () => ['a', 'b', 'c', 'd'].filter((key) => cache.get(key) !== undefined)
  assert.deepEqual(kept(), ['a', 'c'])
  cache.set('d', picture(101))
  assert.deepEqual(kept(), [])
  cache.set('a', picture(100))
  assert.deepEqual(kept(), ['a'], 'there is as much room as before')
})
