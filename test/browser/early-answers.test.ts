import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import type { Browser, Request } from 'playwright-core'
import { EARLY_ANSWERS, EVENTS_PATH } from '../../src/contract/index.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import { GOOD_SCOPES } from '../harness/forge.ts'
import { PASSWORD } from '../harness/person.ts'
import { awaitEarlyAnswers, launchChromium, noChromium, openProfile } from './chromium.ts'

suite('what comes with a page', { skip: noChromium }, () => {
  let countersign: Countersign
  let browser: Browser
  let row: { runtime_id: string; provider_id: string }
  before(async () => {
    countersign = await startCountersign()
    browser = await launchChromium()
    const { runtime } = await countersign.runtime('ci')
    row = { runtime_id: runtime.id, provider_id: countersign.provider.id }
  })
  after(async () => {
    await browser.close()
    await countersign[Symbol.asyncDispose]()
  })

  const openAdmin = () =>
    openProfile(browser, countersign.page_url, { cookie: countersign.admin.cookie })
  const list = () => `${countersign.page_url}/tokens`

  test('is not asked for: until the page listens, it asks for nothing', async () => {
    await using profile = await openAdmin()
    const { page, complaints } = profile
    await awaitEarlyAnswers(page)
    const pathOf = (request: Request) => new URL(request.url()).pathname
    for (const path of ['', `/${row.runtime_id}/${row.provider_id}`]) {
      // What the page before still asks for is over.
      await page.goto('about:blank')
      const first = page.waitForRequest((request) => pathOf(request).startsWith('/api/'))
      await page.goto(list() + path)
      await page.getByRole('rowheader', { name: 'ci', includeHidden: true }).waitFor()
      assert.equal(pathOf(await first), EVENTS_PATH)
    }
    assert.deepEqual(complaints, [])
  })

  test('is asked for where the page ends without it', async () => {
    await using profile = await openAdmin()
    const { page } = profile
    await page.route(list(), async (route) => {
      const response = await route.fetch()
      const answers = new RegExp(`<script [^>]*id="${EARLY_ANSWERS}">.*`, 's')
      const body = (await response.text()).replace(answers, '')
      await route.fulfill({ response, body })
    })
    const asked = page.waitForRequest((request) => request.url().endsWith('/api/v1/access'))
    await page.goto(list())
    await page.getByRole('rowheader', { name: 'ci' }).waitFor()
    await asked
  })

  test('is asked for where the end of the page is lost on the way', async () => {
    const { page_url, admin } = countersign
    await using site = await loseEnds(page_url)
    await using profile = await openProfile(browser, site.url, { cookie: admin.cookie })
    const { page } = profile
    await page.goto(`${site.url}/tokens`, { waitUntil: 'commit' })
    await page.getByRole('rowheader', { name: 'ci' }).waitFor()
  })

  test('is for nobody who signs in later on the same page', async () => {
    const eve = await countersign.person('eve')
    await countersign.person('mo')
    await using profile = await openProfile(browser, countersign.page_url, { cookie: eve.cookie })
    const { page } = profile
    await page.route(`**${EVENTS_PATH}`, (route) => route.abort())
    await page.route(list(), async (route) => {
      const response = await route.fetch()
      await eve.api.signOut({})
      const body = (await response.text()).replace('"/api/v1/access":', '"/left/out":')
      await route.fulfill({ response, body })
    })
    await page.goto(list())
    await page.getByLabel('E-mail', { exact: true }).fill('mo@example.com')
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    // What was drawn before it was known that nobody is signed in is loaded anew as a whole.
    const asked = page.waitForRequest(
      (request) => request.isNavigationRequest() || request.url().endsWith('/api/v1/revocations'),
    )
    await page.getByRole('button', { name: 'Sign in' }).click()
    await asked
  })

  test('does not have the list wait for a panel, which may be loaded later', async () => {
    await using profile = await openAdmin()
    const { page } = profile
    const panel = '**/assets/token-panel-*.js'
    for (const search of ['', `?request=${crypto.randomUUID()}`]) {
      await page.route(panel, (route) => route.abort())
      await page.goto(`${list()}/${row.runtime_id}/${row.provider_id}${search}`)
      await page.getByRole('rowheader', { name: 'ci' }).waitFor()
      const again = page.getByRole('button', { name: 'Try again' })
      await again.waitFor()
      await page.unroute(panel)
      await again.click()
      await page.getByRole('dialog', { name: 'Add Token' }).waitFor()
    }
  })

  test('does not hide what changes before the page listens', async () => {
    const { admin, forge } = countersign
    await using profile = await openAdmin()
    const { page } = profile
    const { promise: changed, resolve: goOn } = Promise.withResolvers<void>()
    await page.route(`**${EVENTS_PATH}`, async (route) => {
      await changed
      await route.continue()
    })
    await page.goto(list())
    await page.getByRole('link', { name: /^Add Token/ }).waitFor()
    await admin.addToken(row, await forge.token('alice', GOOD_SCOPES))
    goOn()
    await page.locator('tr [data-status=valid]').waitFor()
  })

  test('nor does what a page asks for, before it listens', async () => {
    const { runtime, key } = await countersign.runtime('early')
    await using profile = await openAdmin()
    const { page } = profile
    const { promise: changed, resolve: goOn } = Promise.withResolvers<void>()
    await page.route(`**${EVENTS_PATH}`, async (route) => {
      await changed
      await route.continue()
    })
    await page.goto(`${countersign.page_url}/admin/runtimes/${runtime.id}`)
    await page.getByText('Never seen').waitFor()
    const vault = runtimeClient(countersign.vault_url, key)
    await vault.getRuntimeView({ query: { agent: '1.2.3' } })
    goOn()
    await page.getByText('Version 1.2.3').waitFor()
  })
})

/** The pages at `page_url` as through a proxy that never passes on how they end. */
async function loseEnds(page_url: string): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((incoming, answer) => {
    const { method = '', headers, url = '' } = incoming
    const outgoing = request(page_url + url, { method, headers }, async (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers)
      if (!headers.accept?.includes('text/html')) return response.pipe(answer)
      let page = ''
      for await (const part of response) page += part
      answer.write(page.slice(0, page.indexOf(EARLY_ANSWERS)))
    })
    incoming.pipe(outgoing)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
