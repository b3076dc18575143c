import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { EARLY_ADDRESSES, EARLY_ANSWERS } from '../../src/contract/index.ts'
import { openBroker } from '../../src/events/broker.ts'
import { earlyAnswers, readInTime } from '../../src/http/routes/early-answers.ts'
import { startCountersign } from '../harness/countersign.ts'
import { ALICE, authorized, TOKEN_ENDPOINT } from '../harness/granted.ts'
import { answerAtForge, beginOAuth, comeBack } from '../harness/oauth.ts'
import type { PersonClient } from '../harness/person.ts'
import { PATIENCE_MS, until } from '../harness/until.ts'

/* What a page asks for first comes with it, in the words of the API. */

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const { admin, database, forge, page_url } = countersign
const { row } = await authorized(countersign)
const panel = `/tokens/${row.runtime_id}/${row.provider_id}`

interface Early {
  addresses: string[]
  answers: Record<string, { items?: unknown[] }>
}

/**
 * What a page at `path` brings, as a browser reads it. On a busy machine a page may end without what
 * takes too long, so it is loaded until it has all of it.
 *
 * @param unread so many answers that it never has
 */
async function broughtTo(
  path: string,
  headers: Record<string, string>,
  unread = 0,
): Promise<Early & { page: string }> {
  return await until(`all answers with ${path}`, async () => {
    const response = await fetch(page_url + path, { headers })
    assert.equal(response.status, 200)
    const page = await response.text()
    const { addresses, answers } = early(page)
    const isAll = Object.keys(answers).length >= addresses.length - unread
    return isAll && { addresses, answers, page }
  })
}

function early(page: string): Early {
  const meta = new RegExp(`name="${EARLY_ADDRESSES}" content="([^"]*)"`).exec(page)?.[1] ?? '?'
  const data = new RegExp(`id="${EARLY_ANSWERS}">(.*?)</script>`, 's').exec(page)?.[1]
  return {
    addresses: JSON.parse(meta.replaceAll('&quot;', '"').replaceAll('&amp;', '&')),
    answers: JSON.parse(data ?? '{}'),
  }
}

/** What the API says to the same person at the same addresses. */
async function asked(addresses: readonly string[], { cookie }: PersonClient) {
  const answers = addresses.map(async (address) => {
    const response = await fetch(page_url + address, { headers: { cookie } })
    assert.equal(response.status, 200, address)
    return [address, await response.json()] as const
  })
  return Object.fromEntries(await Promise.all(answers))
}

const LIST = '/api/v1/access'
const IN_NEED = ['/api/v1/access?in_need=true&limit=100', '/api/v1/revocations']
const FOR_ADMINISTRATORS = '/api/v1/runtimes?in_need=true'

test('the list of tokens comes with what the banner above it is about', async () => {
  const { addresses, answers } = await broughtTo('/tokens', { cookie: admin.cookie })
  assert.deepEqual(addresses, [...IN_NEED, FOR_ADMINISTRATORS, LIST])
  assert.deepEqual(answers, await asked(addresses, admin))
  assert.equal(answers[LIST]?.items?.length, 1)
})

test('a member is told nothing of administrators', async () => {
  const mo = await countersign.person('mo')
  const { addresses, answers } = await broughtTo('/tokens', { cookie: mo.cookie })
  assert.deepEqual(addresses, [...IN_NEED, LIST])
  assert.deepEqual(answers, await asked(addresses, mo))
})

test('a panel comes with its row, and a search without the list', async () => {
  const opened = await broughtTo(panel, { cookie: admin.cookie })
  const address = `/api/v1/access/${row.runtime_id}/${row.provider_id}`
  assert.ok(opened.addresses.includes(address))
  assert.deepEqual(opened.answers, await asked(opened.addresses, admin))
  const searched = await broughtTo('/tokens?q=ci', { cookie: admin.cookie })
  assert.deepEqual(searched.addresses, [...IN_NEED, FOR_ADMINISTRATORS])
})

test('what cannot be read is left to the page, and the rest is there', async () => {
  const gone = `/tokens/${row.runtime_id}/${crypto.randomUUID()}?request=`
  for (const path of [gone, `${panel}?request=${crypto.randomUUID()}`]) {
    const { addresses, answers } = await broughtTo(path, { cookie: admin.cookie }, 1)
    assert.equal(addresses.length, 5)
    assert.deepEqual(Object.keys(answers).sort(), addresses.slice(0, 4).sort())
  }
})

test('nothing comes with other pages, nor to somebody else', async () => {
  const { cookie } = admin
  const others = ['/admin/runtimes', '/tokens/one/two', `${panel}/more`, '/tokensx', '//tokens']
  for (const path of others) {
    const { addresses, answers } = await broughtTo(path, { cookie })
    assert.deepEqual([addresses, answers], [[], {}], path)
  }
  for (const headers of [{}, { cookie: `${cookie}x` }]) {
    const { addresses, answers } = await broughtTo('/tokens', headers)
    assert.deepEqual([addresses, answers], [[], {}])
  }
})

test('no text in an answer ends it', async () => {
  const name = '</script><script>alert(1)</script><!--'
  await admin.api.updateRuntime({ params: { id: row.runtime_id }, body: { description: name } })
  const { page, addresses, answers } = await broughtTo('/tokens', { cookie: admin.cookie })
  assert.ok(!page.includes('<script>alert'))
  assert.deepEqual(answers, await asked(addresses, admin))
})

test('no name ends the start of the page, or takes a place in it', async () => {
  const eve = await countersign.person('eve')
  for (const name of ['<!-- early answers -->', '__EARLY_ADDRESSES__']) {
    await eve.api.updateAccount({ body: { name } })
    const { page, addresses, answers } = await broughtTo('/tokens', { cookie: eve.cookie })
    assert.ok(page.indexOf('<div id="root">') < page.indexOf(EARLY_ANSWERS), name)
    assert.deepEqual(addresses, [...IN_NEED, LIST], name)
    assert.deepEqual(answers, await asked(addresses, eve), name)
  }
})

/** Comes back from the forge, whose token endpoint answers when it is told to. */
async function returning() {
  const { release } = await forge.hold(TOKEN_ENDPOINT)
  const { request, authorization_url } = await beginOAuth(admin, row)
  const callback = await answerAtForge(authorization_url, ALICE)
  const { pathname, search } = await comeBack(callback, admin.cookie)
  return { id: request.id, path: pathname + search, release }
}

test('the page that the browser comes back to waits for the filled row', async () => {
  await using broker = await openBroker(database.url, () => {})
  const { id, path, release } = await returning()
  const url = new URL(path, page_url)
  const parts = { db: database.db, broker }
  const answers = earlyAnswers(parts, admin.person, url)
  const waits = { authorization: PATIENCE_MS, answers: PATIENCE_MS }
  const reading = readInTime(
    parts,
    admin.person,
    url,
    answers,
    (answer) => JSON.stringify(answer),
    waits,
  )
  await release()
  const json = await reading
  const read = JSON.parse(json)
  assert.equal(read[`/api/v1/authorization-requests/${id}`].status, 'completed')
  assert.deepEqual(read[LIST], await admin.api.listAccess({}))
})

test('it is started meanwhile, and ends without what takes too long', async () => {
  const { id, path, release } = await returning()
  const request = await until('an answer about the request', async () => {
    const response = await fetch(page_url + path, { headers: { cookie: admin.cookie } })
    const page = response.body?.pipeThrough(new TextDecoderStream()) ?? assert.fail()
    let first: string | undefined
    let all = ''
    for await (const text of page) {
      first ??= text
      all += text
    }
    assert.match(first ?? '', /<div id="root"><\/div>.*<script async type="module"/s)
    assert.ok(!first?.includes(EARLY_ANSWERS))
    return early(all).answers[`/api/v1/authorization-requests/${id}`]
  })
  assert.partialDeepStrictEqual(request, { status: 'exchanging' })
  await release()
})
