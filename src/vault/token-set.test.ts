import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { lifetimeOf, secondsLeft } from './token-set.ts'

const ASKED_AT = new Date('2026-03-01T12:00:00Z')

type Answer = Parameters<typeof lifetimeOf>[0]
const HOUR: Answer = { refresh_token: 'refresh', expires_in: 3600, refresh_token_expires_in: null }

/** Seconds after it was asked for. */
const after = (time: Date | null) => time && (time.getTime() - ASKED_AT.getTime()) / 1000

function times(answer: Partial<Answer>, random = 0) {
  const { access_issued_at, ...rest } = lifetimeOf({ ...HOUR, ...answer }, ASKED_AT, random)
  assert.equal(access_issued_at, ASKED_AT)
  return {
    access: after(rest.access_expires_at),
    all: after(rest.expires_at),
    refresh: after(rest.refresh_due_at),
  }
}

suite('the life of a token set', () => {
  test('an hour is refreshed ten to twenty minutes before its end', () => {
    assert.deepEqual(times({}), { access: 3600, all: null, refresh: 3000 })
    assert.deepEqual(times({}, 1), { access: 3600, all: null, refresh: 2400 })
  })

  test('of a long life an eighth is left, of a short one a quarter at most', () => {
    assert.equal(times({ expires_in: 28_800 }).refresh, 25_200)
    assert.equal(times({ expires_in: 1200 }).refresh, 900)
    assert.equal(times({ expires_in: 1200 }, 1).refresh, 600)
  })

  test('it ends with its refresh token, where that has an end', () => {
    assert.equal(times({ refresh_token_expires_in: 86_400 }).all, 86_400)
  })

  test('without a refresh token it ends with its access token, and nothing is due', () => {
    assert.deepEqual(times({ refresh_token: null }), { access: 3600, all: 3600, refresh: null })
    const endless = { refresh_token: null, expires_in: null }
    assert.deepEqual(times(endless), { access: null, all: null, refresh: null })
  })

  test('without an end nothing is due ahead of it', () => {
    const answer = { expires_in: null, refresh_token_expires_in: 86_400 }
    assert.deepEqual(times(answer), { access: null, all: 86_400, refresh: null })
  })

  test('an end that a host names is so many seconds away, and never before now', () => {
    const end = new Date(ASKED_AT.getTime() + 3_600_000)
    assert.equal(secondsLeft({ expires_at: null }, ASKED_AT), null)
    assert.equal(secondsLeft({ expires_at: end }, ASKED_AT), 3600)
    assert.equal(secondsLeft({ expires_at: ASKED_AT }, end), 0)
    assert.equal(secondsLeft({ expires_at: null, expires_in: 120 }, ASKED_AT), 120)
  })
})
