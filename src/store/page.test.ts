import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ProblemError } from '../contract/index.ts'
import { decodeCursor, type SortKind, toPage } from './page.ts'

const id = 'dc5dd8dc-19d4-43c8-9850-c5af92edf723'
const at = '2026-11-22T18:49:54.061Z'

suite('a cursor', () => {
  test('brings back the values at which a page ended', () => {
    const key = ['ü"\n', at, id, 7]
    const page = toPage(
      [1, 2],
      1,
      (row) => row,
      () => key,
    )
    const kinds = ['text', 'instant', 'id', 'number'] as const
    assert.deepEqual(decodeCursor(page.next_cursor ?? '', kinds), key.map(String))
  })

  test('is absent for the first page', () => assert.equal(decodeCursor(undefined, []), undefined))

  const wrong: [name: string, values: unknown, kinds: SortKind[]][] = [
    ['is no list', { a: 1 }, []],
    ['is too short', ['a'], ['text', 'text']],
    ['is too long', ['a', 'b'], ['text']],
    ['has a character that is not stored', ['\u0000'], ['text']],
    ['has a date that is none', ['2026-02-31T00:00:00.000Z'], ['instant']],
    ['has a date before the first year', ['0000-01-01T00:00:00.000Z'], ['instant']],
    ['has a date of five digits', ['+010000-01-01T00:00:00.000Z'], ['instant']],
    ['has a date in other words', ['yesterday'], ['instant']],
    ['has no id', ['x'], ['id']],
    ['has no number', ['1e3'], ['number']],
    ['has too large a number', ['9'.repeat(19)], ['number']],
  ]
  for (const [name, values, kinds] of wrong) {
    test(`that ${name} is turned away`, () => {
      const cursor = Buffer.from(JSON.stringify(values)).toString('base64url')
      assert.throws(
        () => decodeCursor(cursor, kinds),
        (error) => error instanceof ProblemError && error.type === 'request-invalid',
      )
    })
  }
})
