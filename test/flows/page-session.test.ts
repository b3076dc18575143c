import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startEmbeddedPostgres } from '../../src/store/embedded.ts'
import { temporaryFolder } from '../agent/git-end.ts'
import { startCountersign } from '../harness/countersign.ts'

/* A page says who is looking at it, so that it need not ask before it draws anything. */

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, page_url } = countersign

/** What a page at `url` says of the session, as a browser reads its attribute. */
async function sessionIn(url: string, headers: Record<string, string>): Promise<unknown> {
  const response = await fetch(`${url}/tokens`, { headers })
  assert.equal(response.status, 200)
  const page = await response.text()
  const text = /<meta name="session" content="([^"]*)"/.exec(page)?.[1] ?? assert.fail(page)
  return JSON.parse(text.replaceAll('&quot;', '"').replaceAll('&amp;', '&'))
}

test('a page says what the API says of the session, whatever the person’s name is', async () => {
  await admin.api.updateAccount({ body: { name: `"Ada" <b> & $& $' &quot; '` } })
  const said = await sessionIn(page_url, { cookie: admin.cookie })
  assert.deepEqual(said, await admin.api.getSession({}))
})

test('so it does on the way back from a Git host', async () => {
  const headers = { cookie: admin.cookie, 'sec-fetch-site': 'cross-site' }
  assert.deepEqual(await sessionIn(page_url, headers), await admin.api.getSession({}))
})

test('to somebody else it says that nobody is signed in', async () => {
  const { version } = await admin.api.getSession({})
  const nobody = { person: null, setup_required: false, version }
  assert.deepEqual(await sessionIn(page_url, {}), nobody)
  assert.deepEqual(await sessionIn(page_url, { cookie: `${admin.cookie}x` }), nobody)
})

test('with the database away the page is there, and asks by itself', async () => {
  await using folder = await temporaryFolder()
  const postgres = await startEmbeddedPostgres({ folder: folder.path })
  await using alone = await startCountersign({ database_url: postgres.url })
  await postgres[Symbol.asyncDispose]()
  assert.equal(await sessionIn(alone.page_url, { cookie: alone.admin.cookie }), null)
})
