import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workOff } from './work-off.ts'

test('one that takes long keeps none of the others waiting, wherever it stands', async () => {
  for (const slow of [0, 1, 3]) {
    const left = Array.from({ length: 40 }, (_, index) => index)
    const { promise: last, resolve: release } = Promise.withResolvers<void>()
    const done: number[] = []
    let underway = 0
    const some = await workOff(
      4,
      async (many) => left.splice(0, many),
      async (one) => {
        underway += 1
        assert.ok(underway <= 4)
        if (one === slow) await last
        done.push(one)
        underway -= 1
        if (done.length === 39) release()
      },
    )
    assert.ok(some)
    assert.equal(done.at(-1), slow)
  }
})

test('a failure ends nothing, and without work there was none', async () => {
  const left = ['one', 'two', 'three']
  const fails = async (many: number) => left.splice(0, many)
  assert.equal(await workOff(2, fails, () => Promise.reject(new Error('no'))), true)
  assert.deepEqual(left, [])
  assert.equal(await workOff(2, fails, () => Promise.resolve()), false)
})
