import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request, type ServerResponse } from 'node:http'
import { after, before, suite, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { EVENTS_PATH } from '../../src/contract/index.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { freePort } from '../harness/ports.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile } from './chromium.ts'

/** What a proxy keeps of an event stream: all of it, what follows its headers, or nothing. */
type Held = 'answer' | 'body' | 'nothing'

interface HoldingProxy extends AsyncDisposable {
  /** Of the streams that come from now on. */
  hold(held: Held): void
  /** Passes nothing more on of the streams that there are, and leaves them open. */
  muteAll(): void
}

async function startHoldingProxy(port: number, server_url: string): Promise<HoldingProxy> {
  let held: Held = 'nothing'
  const heard = new Set<ServerResponse>()
  const server = createServer((incoming, answer) => {
    const { method, headers, url } = incoming
    const outgoing = request(server_url + url, { method, headers })
    outgoing.on('response', (response) => {
      const head = () => answer.writeHead(response.statusCode ?? 502, response.headers)
      if (url !== EVENTS_PATH) return void response.pipe(head())
      if (held === 'answer') return void response.resume()
      head().flushHeaders()
      if (held === 'nothing') heard.add(answer)
      response.on('data', (chunk: Buffer) => heard.has(answer) && answer.write(chunk))
      response.on('end', () => answer.end())
    })
    outgoing.on('error', () => answer.destroy())
    answer.on('close', () => {
      heard.delete(answer)
      outgoing.destroy()
    })
    incoming.pipe(outgoing)
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    hold: (next) => {
      held = next
    },
    muteAll: () => heard.clear(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

suite('where a proxy passes no events on', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let proxy: HoldingProxy
  let browser: Browser

  before(async () => {
    const port = await freePort()
    const env = { COUNTERSIGN_PAGE_URL: `http://127.0.0.1:${port}` }
    countersign = resources.use(await startCountersign({ env }))
    proxy = resources.use(await startHoldingProxy(port, countersign.server_urls[0] ?? ''))
    browser = resources.use(await launchChromium())
  })
  after(() => resources.disposeAsync())

  /** The list of tokens with a new runtime in it, at a clock that can be put forward. */
  async function openTokens(runtime_name: string) {
    const { admin, page_url, provider, forge } = countersign
    const { runtime } = await countersign.runtime(runtime_name)
    const profile = await openProfile(browser, page_url, { cookie: admin.cookie })
    const { page } = profile
    await page.clock.install()
    await page.goto(`${page_url}/tokens`)
    const row = rowOf(page, runtime_name)
    await row.getByText('Not authorized').waitFor()
    return {
      page,
      row,
      late: page.getByText('Changes show up late.'),
      addToken: async () =>
        admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, await forge.token()),
      [Symbol.asyncDispose]: () => profile[Symbol.asyncDispose](),
    }
  }

  const rowOf = (page: Page, name: string) =>
    page.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) })

  for (const held of ['answer', 'body'] as const) {
    test(`but holds their ${held} back, a page says so and looks for itself`, async () => {
      proxy.hold(held)
      await using tokens = await openTokens(`held-${held}`)
      const { page, row, late, addToken } = tokens
      await page.clock.fastForward('00:10')
      await late.waitFor()
      await assertAccessible(page)
      await addToken()
      await page.clock.fastForward('00:30')
      await row.locator('[data-status=valid]').waitFor()
      proxy.hold('nothing')
      await page.clock.fastForward('00:30')
      await late.waitFor({ state: 'detached' })
    })
  }

  test('any more, as a connection died unnoticed, a page has another one soon', async () => {
    proxy.hold('nothing')
    await using tokens = await openTokens('dead')
    const { page, row, late, addToken } = tokens
    await countersign.runtime('heard-of')
    await rowOf(page, 'heard-of').waitFor()
    proxy.muteAll()
    await addToken()
    await page.clock.fastForward('00:45')
    await row.locator('[data-status=valid]').waitFor()
    assert.equal(await late.count(), 0)
  })
})
