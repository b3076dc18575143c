import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, afterEach, beforeEach, suite, test } from 'node:test'
import { openOutbound } from '../../src/providers/http.ts'
import { startCountersign } from '../harness/countersign.ts'
import { startForge } from '../harness/forge.ts'
import { assertProblem } from '../harness/problems.ts'

/** The picture of an account, which its Git host draws and a browser is shown under our address. */
const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, forge, page_url, provider } = countersign
const elsewhere = await startForge()
after(() => elsewhere[Symbol.asyncDispose]())

const MOST_BYTES = 512 * 1024
const { runtime } = await countersign.runtime()
await admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, await forge.token())
const { authorization } = await admin.access(runtime.id)
const { id } = authorization?.connection ?? assert.fail('there is no token')
const { account_avatar_url } = await countersign.database.db
  .selectFrom('connections')
  .select('account_avatar_url')
  .executeTakeFirstOrThrow()
const address = account_avatar_url ?? assert.fail('the forge named no picture')
const { pathname } = new URL(address)

/** The same picture at an address that nobody asked for before. */
let addresses = 0
async function newAddress(): Promise<void> {
  addresses += 1
  await countersign.database.db
    .updateTable('connections')
    .set({ account_avatar_url: `${address}?at=${addresses}` })
    .execute()
}

const picture = () =>
  fetch(`${page_url}/api/v1/connections/${id}/avatar`, { headers: { cookie: admin.cookie } })

const answers = (fault: object) =>
  forge.control('POST', '/control/faults', { match: pathname, ...fault })

beforeEach(newAddress)
afterEach(() => forge.control('DELETE', '/control/faults'))

test('a picture is passed on as it is, and nothing can run in it', async () => {
  assert.equal(authorization?.connection.account.avatar_url, `/api/v1/connections/${id}/avatar`)
  const [shown, drawn] = [await picture(), await fetch(address)]
  assert.equal(shown.status, 200)
  assert.deepEqual(await shown.bytes(), await drawn.bytes())
  const { headers } = shown
  assert.equal(headers.get('content-type'), 'image/png')
  assert.equal(headers.get('content-security-policy'), "default-src 'none'; sandbox")
  assert.equal(headers.get('x-content-type-options'), 'nosniff')
  assert.equal(headers.get('cache-control'), 'private, max-age=3600')
})

test('a picture may be as large as 512 KiB', async () => {
  await answers({ kind: 'answer', content_type: 'image/webp', body: 'x'.repeat(MOST_BYTES) })
  const shown = await picture()
  assert.equal(shown.headers.get('content-type'), 'image/webp')
  assert.equal((await shown.bytes()).length, MOST_BYTES)
})

suite('a picture is not shown', () => {
  const script = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
  const cases: [name: string, fault: object][] = [
    ['a page', { content_type: 'text/html', body: '<script>alert(1)</script>' }],
    ['a drawing that may have scripts', { content_type: 'image/svg+xml', body: script }],
    ['a drawing with a charset', { content_type: 'image/svg+xml; charset=utf-8', body: script }],
    ['a picture of an unknown format', { content_type: 'image/x-icon', body: 'x' }],
    ['bytes of no format', { content_type: 'application/octet-stream', body: 'x' }],
    ['two formats', { content_type: 'image/png, text/html', body: script }],
    ['a picture too large', { content_type: 'image/png', body: 'x'.repeat(MOST_BYTES + 1) }],
    ['a picture of an error', { content_type: 'image/png', body: 'x', status: 404 }],
    ['an answer without end', { kind: 'endless' }],
    ['an answer that breaks off', { kind: 'reset' }],
  ]
  for (const [name, fault] of cases) {
    test(`when it is ${name}`, async () => {
      await answers({ kind: 'answer', ...fault })
      const before = await forge.calls(pathname)
      await assertProblem(await picture(), 'not-found')
      assert.equal(await forge.calls(pathname), before + 1)
    })
  }

  test('when the forge sends on to another host, which is not asked', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      await answers({ kind: 'redirect', location: elsewhere.url + pathname, status, times: 1 })
      await assertProblem(await picture(), 'not-found')
    }
    assert.equal(await elsewhere.calls(pathname), 0)
    assert.equal((await fetch(elsewhere.url + pathname)).status, 200)
    assert.equal(await elsewhere.calls(pathname), 1)
  })
})

test('a picture that was shown is not asked for again', async () => {
  const before = await forge.calls(pathname)
  const [first, second] = [await picture(), await picture()]
  assert.deepEqual(await second.bytes(), await first.bytes())
  assert.equal(second.headers.get('content-type'), 'image/png')
  assert.equal(await forge.calls(pathname), before + 1)
})

test('one person can have Git hosts asked for so many pictures, and sees what is kept', async () => {
  await countersign.database.db.deleteFrom('rate_limits').execute()
  const before = await forge.calls(pathname)
  for (let asked = 0; asked < 120; asked += 1) {
    await newAddress()
    assert.equal((await picture()).status, 200)
  }
  const kept = await picture()
  assert.equal(kept.status, 200)
  await newAddress()
  await assertProblem(await picture(), 'too-many-attempts')
  assert.equal(await forge.calls(pathname), before + 120)
})

test('a host has few connections for pictures, however many are wanted', async () => {
  const waiting: ServerResponse[] = []
  let connections = 0
  const server = createServer((_request, response) => {
    waiting.push(response)
    if (waiting.length < 4) return
    for (const one of waiting.splice(0)) one.setHeader('content-type', 'image/png').end('x')
  })
  server.on('connection', () => (connections += 1))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const host = { base_url, private_address_confirmed: true }
  const limits = { types: ['image/png'], max_bytes: 10 }
  {
    await using outbound = openOutbound({ timeout_ms: 60_000 })
    const files = Array.from({ length: 16 }, () => outbound.file(host, '/picture', limits))
    for (const file of await Promise.all(files)) assert.equal(file?.type, 'image/png')
  }
  server.close()
  assert.equal(connections, 4)
})
