import assert from 'node:assert/strict'
import { after, afterEach, suite, test } from 'node:test'
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

const picture = () =>
  fetch(`${page_url}/api/v1/connections/${id}/avatar`, { headers: { cookie: admin.cookie } })

const answers = (fault: object) =>
  forge.control('POST', '/control/faults', { match: pathname, ...fault })

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
