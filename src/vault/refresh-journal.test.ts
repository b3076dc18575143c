import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'

test('an answer of which only the beginning fits on the disk is not taken for kept', () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-journal-'))
  try {
    const program = `
      import { openRefreshJournal } from ${JSON.stringify(join(import.meta.dirname, 'refresh-journal.ts'))}
      // Else the second write, which has no room at all, would end the process.
      process.on('SIGXFSZ', () => {})
      const seal = { sealNow: (text) => Buffer.from(text), openNow: (sealed) => sealed.toString() }
      const journal = openRefreshJournal(process.argv[1], seal)
      const answer = 'a'.repeat(4000)
      try {
        journal.write({ connection_id: crypto.randomUUID(), version: 1, asked_at: 0, answer })
      } catch (error) {
        console.log(error.code)
      }`
    const args = ['--input-type=module', '--eval', program, folder]
    // No file may be larger than a block of 512 or 1,024 bytes.
    const limited = ['-c', 'ulimit -f 1; exec "$@"', 'sh', process.execPath, ...args]
    const { stdout, stderr } = spawnSync('sh', limited, { encoding: 'utf8' })
    assert.equal(stdout, 'EFBIG\n', stderr)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
