import assert from 'node:assert/strict'
import { test } from 'node:test'
import { relativeTime } from '../../web/src/parts/relative-time.ts'

const NOW = Date.parse('2026-11-26T12:00:00Z')

/** What is said, by the time it is about. */
const said = {
  '2026-11-26T11:59:10Z': 'just now',
  '2026-11-26T12:00:30Z': 'in a moment',
  '2026-11-26T12:05:00Z': 'in 5 min',
  '2026-11-26T14:30:00Z': 'in 3 hours',
  '2026-11-27T21:36:00Z': 'in 34 hours',
  '2026-11-24T12:00:00Z': '2 days ago',
  '2026-12-06T12:00:00Z': 'in 10 days',
  '2026-12-17T12:00:00Z': 'in 3 weeks',
  '2027-01-10T12:00:00Z': 'in 6 weeks',
  '2027-05-25T12:00:00Z': 'in 6 months',
  '2027-12-31T12:00:00Z': 'in 13 months',
  '2029-11-26T12:00:00Z': 'in 3 years',
}

for (const [at, words] of Object.entries(said)) {
  test(`${at} is ${words}`, () => assert.equal(relativeTime(Date.parse(at), NOW), words))
}
