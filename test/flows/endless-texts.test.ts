import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Value } from 'typebox/value'
import { endpoints } from '../../src/contract/index.ts'
import { PATIENCE_MS } from '../harness/until.ts'

/** Four times what a request may have. What takes the square of it does not come to an end. */
const CHARACTERS = 1_000_000
const REPEATED = ['a', '0', ' ', '.', '-', '_', '/', '@', 'é', 'a.', 'a-', '/a', 'a ']
const BEFORE = ['', 'a', 'a@']
const AFTER = ['\n', '\n\n', '!', ' ', '.', '@']

/** Every text that a request may have to fit, with a pattern or in a format, as a schema of its own. */
function forms(schema: unknown, found = new Map<string, object>()): Map<string, object> {
  if (typeof schema !== 'object' || schema === null) return found
  for (const keyword of ['pattern', 'format'] as const) {
    const value = (schema as Record<string, unknown>)[keyword]
    if (typeof value !== 'string') continue
    found.set(`${keyword} ${value}`, { type: 'string', [keyword]: value })
  }
  for (const inner of Object.values(schema)) forms(inner, found)
  return found
}

/** Whoever calls may send anything: all lengths are looked at, also those that are too long. */
function tryAll(schema: object): void {
  for (const repeated of REPEATED) {
    const text = repeated.repeat(CHARACTERS / repeated.length)
    const all = BEFORE.flatMap((before) => AFTER.map((after) => before + text + after))
    for (const one of all) Value.Check(schema, one)
  }
}

if (isMainThread) {
  const inputs = Object.values(endpoints).map((endpoint) => {
    const { params, query, body } = endpoint as Record<string, unknown>
    return { params, query, body }
  })
  const all = forms(inputs)

  test('there are some', () => assert.ok(all.size > 10, [...all.keys()].join('\n')))

  for (const [name, schema] of all) {
    test(`no text keeps a server busy without end: ${name}`, async () => {
      const worker = new Worker(import.meta.filename, { workerData: schema })
      try {
        await once(worker, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) })
      } finally {
        await worker.terminate()
      }
    })
  }
} else {
  tryAll(workerData)
  parentPort?.postMessage('done')
}
