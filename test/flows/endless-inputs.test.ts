import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { endpoints } from '../../src/contract/index.ts'
import { compileSchema } from '../../src/http/validate.ts'
import { PATIENCE_MS } from '../harness/until.ts'

/** Far more than a request may have. What takes the square of it does not come to an end. */
const MANY = 1_000_000
const REPEATED = ['a', '0', ' ', '.', '-', '_', '/', '@', 'é', 'a.', 'a-', '/a', 'a ']
const BEFORE = ['', 'a', 'a@']
const AFTER = ['\n', '\n\n', '!', ' ', '.', '@']
const ITEMS = [0, '', null, [], {}]

/** Every text in some form, and every list, that a request may have: as schemas of their own. */
function parts(schema: unknown, found = new Map<string, object>()): Map<string, object> {
  if (typeof schema !== 'object' || schema === null) return found
  const { type, pattern, format } = schema as Record<string, unknown>
  if (type === 'array') found.set(`list: ${JSON.stringify(schema)}`, schema)
  if (pattern ?? format) found.set(`text: ${JSON.stringify(schema)}`, schema)
  for (const inner of Object.values(schema)) parts(inner, found)
  return found
}

/** Whoever calls may send anything: what is far too long is looked at, too, before who sends it. */
function tryAll(schema: { type: string }): void {
  const check = compileSchema(schema, 'body')
  if (schema.type === 'array') {
    for (const item of ITEMS) check(Array(MANY).fill(item))
    return
  }
  for (const repeated of REPEATED) {
    const text = repeated.repeat(MANY / repeated.length)
    const all = BEFORE.flatMap((before) => AFTER.map((after) => before + text + after))
    for (const one of all) check(one)
  }
}

if (isMainThread) {
  const inputs = Object.values(endpoints).map((endpoint) => {
    const { params, query, body } = endpoint as Record<string, unknown>
    return { params, query, body }
  })
  const all = parts(inputs)

  test('there are some', () => assert.ok(all.size > 15, [...all.keys()].join('\n')))

  for (const [name, schema] of all) {
    test(`nothing keeps a server busy without end that is sent for a ${name}`, async () => {
      const worker = new Worker(import.meta.filename, {
        workerData: JSON.parse(JSON.stringify(schema)),
      })
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
