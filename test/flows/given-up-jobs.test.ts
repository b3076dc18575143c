import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { sql } from 'kysely'
import { enqueue } from '../../src/jobs/queue.ts'
import { removeFinished } from '../../src/jobs/remove-finished.ts'
import { startCountersign } from '../harness/countersign.ts'

test('jobs that were given up are removed a week later; what is to be tried again is not', async () => {
  await using countersign = await startCountersign({ vaults: 0 })
  const { db } = countersign.database
  const jobs = {
    'given up long ago': { attempts: 12, days: 8 },
    'given up lately': { attempts: 12, days: 6 },
    'to be tried again': { attempts: 11, days: 8 },
  }
  for (const [key, { attempts, days }] of Object.entries(jobs)) {
    await enqueue(db, 'check-candidate', { id: randomUUID() }, key)
    await sql`update graphile_worker._private_jobs
      set attempts = ${attempts}, updated_at = now() - make_interval(days => ${days})
      where key = ${key}`.execute(db)
  }
  await removeFinished(db)
  const { rows } = await sql<{ key: string }>`
    select key from graphile_worker.jobs order by key`.execute(db)
  assert.deepEqual(
    rows.map(({ key }) => key),
    ['given up lately', 'to be tried again'],
  )
})
