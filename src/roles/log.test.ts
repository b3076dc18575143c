import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProblemError } from '../contract/index.ts'
import { createLog } from './log.ts'

test('an answer that is no JSON is not quoted in the log', () => {
  const lines: string[] = []
  const log = createLog('warn', { write: (line) => lines.push(line) })
  const readJson = () => JSON.parse('canary, and more of it')
  assert.throws(readJson, (cause: Error) => {
    assert.match(cause.message, /canary/, 'it is quoted in the error')
    log.warn({ err: new Error('no answer', { cause }) }, 'a refresh did not succeed')
    return true
  })
  assert.match(lines.join(), /no answer.*SyntaxError/)
  assert.doesNotMatch(lines.join(), /canary/)
})

test('what fails because the database is away is said once in ten seconds, anything else each time', () => {
  const messages: string[] = []
  const write = (line: string) => void messages.push(JSON.parse(line).msg)
  let now = 0
  const log = createLog('warn', { write }, () => now)
  const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  const refused = new ProblemError('database-unavailable', 'Try again.', { cause: away })
  function failEachTwice(): string[] {
    messages.length = 0
    for (const _ of [1, 2]) {
      log.warn({ err: away }, 'database away')
      log.warn({ err: refused }, 'database-unavailable')
      log.warn({ err: new Error('no answer', { cause: away }) }, 'a refresh did not succeed')
    }
    return messages.toSorted()
  }
  const always = ['a refresh did not succeed', 'a refresh did not succeed']
  assert.deepEqual(failEachTwice(), [...always, 'database away', 'database-unavailable'])
  now = 9_999
  assert.deepEqual(failEachTwice(), always)
  now = 10_000
  assert.deepEqual(failEachTwice(), [...always, 'database away', 'database-unavailable'])
})
