import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUsable } from '../contract/index.ts'
import { type StatusFacts, statusAt } from './status.ts'

const now = new Date('2026-11-22T12:00:00Z')
const days = (count: number) => new Date(now.getTime() + count * 86_400_000)
const facts = (changes: Partial<StatusFacts>): StatusFacts => ({
  status: 'valid',
  expires_at: null,
  missing_scopes: [],
  ...changes,
})

const cases: [string, Partial<StatusFacts>, string][] = [
  ['no end is known', {}, 'valid'],
  ['the end is far away', { expires_at: days(30) }, 'valid'],
  ['the end is within a week', { expires_at: days(6) }, 'expiring'],
  ['the end has come', { expires_at: now }, 'expired'],
  ['the host said no', { status: 'rejected', expires_at: days(30) }, 'rejected'],
  ['scopes are missing', { status: 'insufficient_scopes' }, 'insufficient_scopes'],
  [
    'scopes are missing and it ended',
    { status: 'insufficient_scopes', expires_at: days(-1) },
    'expired',
  ],
  ['the host does not show scopes', { status: 'unverified' }, 'unverified'],
  [
    'a repository proved it',
    { status: 'unverified', probed_repository: 'acme/app', probe_outcome: 'proved' },
    'valid',
  ],
  [
    'a repository told that it may too little',
    { status: 'unverified', probed_repository: 'acme/app', probe_outcome: 'read_only' },
    'insufficient_scopes',
  ],
  ['a check is under way', { check_requested_at: now }, 'checking'],
  ['a check was lost long ago', { check_requested_at: days(-1) }, 'valid'],
]

for (const [name, changes, expected] of cases) {
  test(`${name}: ${expected}`, () => {
    const { status, reason } = statusAt(facts(changes), now)
    assert.equal(status, expected)
    assert.match(reason, /^[A-Z].*\.$/)
  })
}

test('only tokens that may work are handed out', () => {
  for (const status of ['valid', 'expiring', 'unverified'] as const) assert.ok(isUsable(status))
  for (const status of ['checking', 'expired', 'rejected', 'insufficient_scopes'] as const) {
    assert.ok(!isUsable(status), status)
  }
  assert.ok(!isUsable(undefined))
})
