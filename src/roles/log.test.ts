import assert from 'node:assert/strict'
import { test } from 'node:test'
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
