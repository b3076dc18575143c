import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, openSync } from 'node:fs'
import { test } from 'node:test'
import { logDestination } from './log-destination.ts'

test('of what cannot be written no more than a megabyte is kept', {
  skip: existsSync('/dev/full') ? false : 'no /dev/full on this system',
}, async () => {
  const destination = logDestination(openSync('/dev/full', 'w'))
  let dropped = 0
  destination.on('drop', (line: string) => {
    dropped += line.length
  })
  const failed = once(destination, 'close').catch((error: NodeJS.ErrnoException) => error.code)
  for (let lines = 0; lines < 4096; lines += 1) destination.write('x'.repeat(1024))
  assert.equal(dropped, 3 * 1024 * 1024)
  assert.equal(await failed, 'ENOSPC')
})
