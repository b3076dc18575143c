import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { type RawBuilder, sql } from 'kysely'
import { problemUri } from '../../src/contract/index.ts'
import { sealBox } from '../../src/seal/box.ts'
import { startCountersign } from '../harness/countersign.ts'
import { ALICE, authorized, TOKEN_ENDPOINT } from '../harness/granted.ts'
import { answerAtForge, beginOAuth, comeBack } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge } = countersign
const { row } = await authorized(countersign)

const now = (id: string) => admin.api.getAuthorizationRequest({ params: { id } })

async function allowed(): Promise<{ id: string; callback: string }> {
  const { request, authorization_url } = await beginOAuth(admin, row)
  return { id: request.id, callback: await answerAtForge(authorization_url, ALICE) }
}

async function completed(id: string): Promise<void> {
  await using events = await admin.events()
  const done = await events.until(async () => {
    const request = await now(id)
    return request.status === 'exchanging' ? undefined : request
  })
  assert.equal(done.status, 'completed', done.problem?.detail)
}

/** Has the tasks that failed done again now, and given up after so many tries. */
async function tryAgain(max_attempts: RawBuilder<unknown>): Promise<void> {
  await sql`update graphile_worker._private_jobs
    set run_at = now(), max_attempts = ${max_attempts}`.execute(database.db)
}

/** How often a browser came back and was heard, by the audit trail. */
async function returns(): Promise<number> {
  const rows = await database.db
    .selectFrom('audit')
    .select('id')
    .where('action', '=', 'authorization_request.return')
    .execute()
  return rows.length
}

test('a callback that breaks off uses nothing up: the same address works again', async () => {
  const { id, callback } = await allowed()
  const { db } = database
  await sql`create function break_off() returns trigger language plpgsql as $$
    begin raise exception 'broken off'; end $$`.execute(db)
  await sql`create trigger break_off before insert on audit for each row
    when (new.action = 'authorization_request.return') execute function break_off()`.execute(db)
  const headers = { cookie: admin.cookie }
  const broken = await fetch(callback, { headers, redirect: 'manual' })
  const said = await broken.text()
  assert.deepEqual([broken.status, broken.headers.get('location')], [503, null])
  assert.match(broken.headers.get('content-type') ?? '', /^text\/html/)
  assert.match(said, /Nothing was lost.*<a href="">Load this page again<\/a>/s)
  assert.ok(!said.includes(new URL(callback).searchParams.get('code') ?? assert.fail()))
  assert.equal((await now(id)).status, 'pending')
  await sql`drop trigger break_off on audit`.execute(db)
  await comeBack(callback, admin.cookie)
  await completed(id)
})

test('of four visits with one address one is taken, and all go on to its row', async () => {
  const { id, callback } = await allowed()
  await forge.control('DELETE', '/control/calls')
  const before = await returns()
  const visits = await Promise.all([1, 2, 3, 4].map(() => comeBack(callback, admin.cookie)))
  await completed(id)
  const later = await comeBack(callback, admin.cookie)
  for (const { search } of [...visits, later]) assert.equal(search, `?request=${id}`)
  assert.equal(await forge.calls(TOKEN_ENDPOINT), 1)
  assert.equal(await returns(), before + 1)
})

test('a database that is away as the grant comes does not cost it', async () => {
  const { id, callback } = await allowed()
  await forge.control('DELETE', '/control/calls')
  const held = await forge.hold(TOKEN_ENDPOINT)
  await comeBack(callback, admin.cookie)
  await held.asked()
  await database.db.transaction().execute(async (trx) => {
    await sql`select from authorization_requests where id = ${id} for update`.execute(trx)
    await held.release()
    await until('a grant that cannot be written down', async () => {
      const { rows } = await sql`select pg_terminate_backend(pid, 60000) from pg_stat_activity
        where wait_event_type = 'Lock' and datname = current_database()
          and query like 'update "authorization_requests"%'`.execute(database.db)
      return rows.length > 0
    })
  })
  await completed(id)
  assert.equal(await forge.calls(TOKEN_ENDPOINT), 1)
})

test('a host that is away is warned of, and is an error only when it is away for good', async () => {
  const { id, callback } = await allowed()
  const before = countersign.logged.length
  const said = () =>
    countersign.logged.slice(before).flatMap((line) => {
      const { level, task, msg } = JSON.parse(line) as Record<string, unknown>
      return level === 40 || level === 50 ? [`${level} ${task}: ${msg}`] : []
    })
  const failed = 'finish-authorization: a task did not succeed'
  await forge.control('POST', '/control/faults', { kind: 'status', match: '/api/v1/user' })
  await comeBack(callback, admin.cookie)
  await until('a warning', async () => said().length > 0)
  await tryAgain(sql`attempts + 1`)
  await until('an error', async () => said().some((line) => line.startsWith('50')))
  await forge.control('DELETE', '/control/faults')
  await tryAgain(sql`attempts + 12`)
  await completed(id)
  const warnings = said().slice(0, -1)
  assert.ok(warnings.every((line) => line === `40 ${failed}, and will be done again`))
  assert.equal(said().at(-1), `50 ${failed}, and is given up`)
})

test('one that is not finished for a long time is given as failed, and may still be finished', async () => {
  const { id, callback } = await allowed()
  const waits = async (minutes: number) => {
    await sql`update authorization_requests set expires_at = now() - make_interval(mins => ${minutes})
      where id = ${id}`.execute(database.db)
    return await now(id)
  }
  await sql`update authorization_requests set status = 'exchanging' where id = ${id}`.execute(
    database.db,
  )
  assert.equal((await waits(4)).status, 'exchanging')
  const overdue = await waits(6)
  assert.equal(overdue.status, 'refused')
  assert.equal(overdue.problem?.type, problemUri('authorization-failed'))
  assert.match(overdue.problem?.detail ?? '', /What you had before still works/)
  await sql`update authorization_requests set status = 'pending',
    expires_at = now() + interval '1 minute' where id = ${id}`.execute(database.db)
  await comeBack(callback, admin.cookie)
  await completed(id)
})

test('the verifier of one from which nobody came back is forgotten with the next', async () => {
  const boxOf = async ({ request: { id } }: Awaited<ReturnType<typeof beginOAuth>>) =>
    await database.db
      .selectFrom('authorization_requests')
      .select('code_verifier_box')
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
  const [left, open] = [await beginOAuth(admin, row), await beginOAuth(admin, row)]
  const { code_verifier_box } = await boxOf(left)
  assert.match(code_verifier_box ?? '', /^csb1\.[\s\S]{100,500}$/)
  await sql`update authorization_requests set expires_at = now() - interval '1 second'
    where id = ${left.request.id}`.execute(database.db)
  const next = await beginOAuth(admin, row)
  assert.equal((await boxOf(left)).code_verifier_box, null)
  for (const begun of [open, next]) assert.ok((await boxOf(begun)).code_verifier_box !== null)
})

test('a box that is larger than any verifier needs is not taken', async () => {
  const id = randomUUID()
  const { vault_key, owner_id } = await admin.api.getAccess({ params: row })
  const { provider_id } = row
  const address = { purpose: 'code_verifier', row_id: id, owner_id, provider_id } as const
  const code_verifier_box = await sealBox(vault_key, address, 'v'.repeat(1000))
  const random = 'x'.repeat(43)
  const body = { id, ...row, state: random, code_challenge: random, code_verifier_box }
  await refusal(admin.api.beginAuthorization({ body }), 'request-invalid')
})

test('a grant that is still being finished when its authorization is taken back comes to nothing', async () => {
  await authorize()
  const waiting = await allowed()
  await forge.control('POST', '/control/faults', { match: '/api/v1/', kind: 'status', status: 503 })
  await comeBack(waiting.callback, admin.cookie)
  await until('a grant that waits for its Git host', async () => {
    const { rows } = await sql`select from authorization_requests
      where id = ${waiting.id} and token_set_box is not null`.execute(database.db)
    return rows.length > 0
  })
  const exchanged = await allowed()
  const held = await forge.hold(TOKEN_ENDPOINT)
  await comeBack(exchanged.callback, admin.cookie)
  await held.asked()
  await takeBack()
  await forge.control('DELETE', '/control/faults')
  await held.release()
  await jobsDone('finish-authorization')
  assert.equal((await admin.access(row.runtime_id)).authorization, null)
  for (const { id } of [waiting, exchanged]) await refusal(now(id), 'not-found')
  await until('the end of both grants', async () => {
    const { rows } = await sql`select from audit where action = 'connection.revoke'
      and subject like 'grant of an account at %'`.execute(database.db)
    return rows.length === 2
  })
})

test('nor does a token that is still being checked, a person’s or a runtime’s own', async () => {
  const own = { params: row }
  await authorize()
  assert.equal((await admin.addRuntimeToken(row, await forge.token())).status, 'accepted')
  const before = await forge.calls('/api/v1/user')
  const late = { kind: 'delay', match: '/api/v1/user', delay_ms: 600_000 }
  await forge.control('POST', '/control/faults', late)
  const handedIn = async (create: typeof admin.api.createCandidate) => {
    const body = { id: randomUUID(), ...row, token: await forge.token() }
    return (await create({ body })).id
  }
  const id = await handedIn(admin.api.createCandidate)
  const ownId = await handedIn(admin.api.createRuntimeCandidate)
  const asked = async () => (await forge.calls('/api/v1/user')) >= before + 2
  await until('questions about both', asked)
  await takeBack()
  assert.equal((await admin.api.getCandidate({ params: { id: ownId } })).status, 'checking')
  await admin.api.deleteRuntimeToken(own)
  await forge.control('DELETE', '/control/faults')
  await jobsDone('check-candidate')
  assert.equal((await admin.access(row.runtime_id)).authorization, null)
  assert.equal((await admin.api.getRuntimeToken(own)).connection, null)
  for (const one of [id, ownId]) {
    await refusal(admin.api.getCandidate({ params: { id: one } }), 'not-found')
  }
})

test('nor one for a Git host that an administrator takes away meanwhile, and gives back', async () => {
  const before = await forge.calls('/api/v1/user')
  const held = await forge.hold('/api/v1/user')
  const body = { id: randomUUID(), ...row, token: await forge.token() }
  await admin.api.createCandidate({ body })
  await until('a question', async () => (await forge.calls('/api/v1/user')) > before)
  for (const provider_ids of [[], [row.provider_id]]) {
    await admin.api.updateRuntime({ params: { id: row.runtime_id }, body: { provider_ids } })
  }
  await held.release()
  await jobsDone('check-candidate')
  assert.equal((await admin.access(row.runtime_id)).authorization, null)
})

async function authorize(): Promise<void> {
  const { id, callback } = await allowed()
  await comeBack(callback, admin.cookie)
  await completed(id)
}

async function takeBack(): Promise<void> {
  const { authorization } = await admin.access(row.runtime_id)
  await admin.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
}

/** Resolves when no such job is left, not even one that is tried again later. */
async function jobsDone(task: string): Promise<void> {
  await until(`the end of all jobs ${task}`, async () => {
    const { rows } = await sql`select from graphile_worker.jobs
      where task_identifier = ${task}`.execute(database.db)
    return rows.length === 0
  })
}
