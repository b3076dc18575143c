import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { EVENTS_PATH } from '../../src/contract/index.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { answerAtForge, beginOAuth, comeBack, registerClient } from '../harness/oauth.ts'
import { assertAccessible } from './accessibility.ts'
import {
  awaitEarlyAnswers,
  hearNothing,
  launchChromium,
  noChromium,
  openProfile,
  takeEarlyAnswers,
} from './chromium.ts'

suite('coming back from a Git host', { skip: noChromium }, () => {
  let countersign: Countersign
  let browser: Browser
  before(async () => {
    countersign = await startCountersign()
    browser = await launchChromium()
  })
  after(async () => {
    await browser.close()
    await countersign[Symbol.asyncDispose]()
  })

  /** An authorization of a new runtime that the vault has finished: where the browser then lands. */
  async function authorized(name: string): Promise<{ id: string; href: string }> {
    const { admin, forge, provider } = countersign
    const { runtime } = await countersign.runtime(name)
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    await registerClient(admin, { url: forge.url, token: await forge.token('alice', ['all']) }, row)
    const { request, authorization_url } = await beginOAuth(admin, row)
    await using events = await admin.events()
    const account = { login: 'alice', password: 'alice-demo' }
    const { href } = await comeBack(await answerAtForge(authorization_url, account), admin.cookie)
    await events.until(async () => {
      const { status } = await admin.api.getAuthorizationRequest({ params: { id: request.id } })
      return status === 'completed' ? true : undefined
    })
    return { id: request.id, href }
  }

  const openAdmin = () =>
    openProfile(browser, countersign.page_url, { cookie: countersign.admin.cookie })

  /** The first `times` reads of the authorization find it unfinished, and are answered after `held`. */
  async function findUnfinished(
    page: Page,
    id: string,
    times: number,
    held: () => Promise<unknown> = async () => {},
  ): Promise<void> {
    await takeEarlyAnswers(page)
    await page.route(
      `**/authorization-requests/${id}`,
      async (route) => {
        const response = await route.fetch()
        const before = { ...(await response.json()), status: 'exchanging' }
        await held()
        await route.fulfill({ response, json: before })
      },
      { times },
    )
  }

  const isDone = async (page: Page) => {
    await page.getByRole('alert').filter({ hasText: 'Authorized' }).waitFor()
    await page.waitForURL('**/tokens')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  }

  test('what is finished by then fills the row, and no panel opens', async () => {
    const { href } = await authorized('swift')
    await using profile = await openAdmin()
    const { page } = profile
    await page.addInitScript(NOTE_PANELS)
    await awaitEarlyAnswers(page)
    await page.goto(href)
    await isDone(page)
    assert.equal(await page.evaluate('panelSeen'), false)
    const row = page
      .getByRole('row')
      .filter({ has: page.getByRole('rowheader', { name: 'swift' }) })
    await row.locator('[data-status=valid]').waitFor()
  })

  test('what was told is not told again where Back leads to it', async () => {
    const { href } = await authorized('backwards')
    await using profile = await openAdmin()
    const { page } = profile
    await page.goto(href)
    await isDone(page)
    await page.goto('about:blank')
    await page.goto(href)
    await page.waitForURL('**/tokens')
    await page.locator('[data-status=valid]').first().waitFor()
    assert.equal(await page.getByRole('alert').count(), 0)
  })

  test('who goes on to another page meanwhile stays there', async () => {
    const { href } = await authorized('passing')
    await using profile = await openAdmin()
    const { page } = profile
    await takeEarlyAnswers(page)
    await hearNothing(page)
    // The lists are not answered, so that it is still being finished when the person goes.
    await page.route(LISTS, () => {})
    await page.addInitScript(NOTE_WAY_BACK)
    let reads = 0
    const finishing = page.waitForRequest((request) => {
      if (ROW.test(request.url())) reads += 1
      return reads === 2
    })
    await page.goto(href)
    await finishing
    await page.getByRole('link', { name: 'Activity' }).click()
    await page.getByRole('alert').filter({ hasText: 'Authorized' }).waitFor()
    await page.getByRole('heading', { name: 'Activity' }).waitFor()
    assert.equal(await page.evaluate('ledBack'), false)
    assert.equal(new URL(page.url()).pathname, '/admin/activity')
  })

  test('a row that cannot be read says so in a panel, until it can', async () => {
    const { href } = await authorized('unread')
    await using profile = await openAdmin()
    const { page } = profile
    await hearNothing(page)
    await page.route(ROW, (route) => route.abort())
    await page.goto(href)
    const again = page.getByRole('dialog').getByRole('button', { name: 'Try again' })
    await again.waitFor()
    await page.unroute(ROW)
    await again.click()
    await isDone(page)
  })

  test('it ends as it should even if the first answer is older than the event', async () => {
    const { id, href } = await authorized('returning')
    await using profile = await openAdmin()
    const { page } = profile
    const listening = page.waitForResponse((response) => response.url().endsWith(EVENTS_PATH))
    await findUnfinished(page, id, 1, async () => {
      // The page has heard by now that it should read, and has joined this answer.
      await listening
      await page.evaluate('new Promise((done) => setTimeout(done))')
    })
    await page.goto(href)
    await isDone(page)
  })

  test('what takes longer waits with its panel for who is at a field by then', async () => {
    const { id, href } = await authorized('typing')
    await using profile = await openAdmin()
    const { page } = profile
    await page.clock.install()
    await hearNothing(page)
    await findUnfinished(page, id, Number.POSITIVE_INFINITY)
    const { promise: typing, resolve: begin } = Promise.withResolvers<void>()
    await page.route(/\/assets\/token-panel-.*\.js$/, async (route) => {
      await typing
      await route.continue()
    })
    await page.goto(href, { waitUntil: 'commit' })
    const field = page.getByLabel('Search runtimes and Git hosts')
    await field.focus()
    const begun = page.waitForResponse(ROW)
    begin()
    await begun
    await page.clock.runFor(2000)
    assert.equal(await page.getByRole('dialog').count(), 0)
    await field.blur()
    await page.getByRole('dialog').getByText('Finishing…').waitFor()
  })

  test('what takes longer is finished in a panel', async () => {
    const { id, href } = await authorized('tardy')
    await using profile = await openAdmin()
    const { page } = profile
    await hearNothing(page)
    await findUnfinished(page, id, Number.POSITIVE_INFINITY)
    await page.goto(href)
    await page.getByRole('dialog').getByText('Finishing…').waitFor()
    await assertAccessible(page)
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click()
    await page.waitForURL('**/tokens')
  })
})

/** Where pages read the lists of rows, and one row. */
const LISTS = /\/api\/v1\/access(\?|$)/
const ROW = /\/api\/v1\/access\/[^/]+\/[^/]+$/

/** Whether a panel was ever there. */
const NOTE_PANELS = `globalThis.panelSeen = false
new MutationObserver(() => {
  if (document.querySelector('[role=dialog]')) globalThis.panelSeen = true
}).observe(document, { subtree: true, childList: true })`

/** Whether a page was ever left for the one before it. */
const NOTE_WAY_BACK = `globalThis.ledBack = false
const { back } = History.prototype
History.prototype.back = function () {
  globalThis.ledBack = true
  back.call(this)
}`
