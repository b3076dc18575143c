import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { launchChromium, noChromium } from './chromium.ts'

/** The code of *Runtimes*, which a page has only once somebody goes there. */
const RUNTIMES_PAGE = /\/assets\/runtimes-page-.*\.js$/

suite('code of the pages that does not come', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let newPage: () => Promise<Page>

  before(async () => {
    countersign = resources.use(await startCountersign())
    const browser = resources.use(await launchChromium())
    const { admin, page_url } = countersign
    newPage = async () => {
      const context = await browser.newContext({ reducedMotion: 'reduce', baseURL: page_url })
      context.setDefaultTimeout(20_000)
      const [name = '', value = ''] = admin.cookie.split('=')
      await context.addCookies([{ name, value, url: page_url }])
      return await context.newPage()
    }
  })
  after(() => resources.disposeAsync())

  test('a pasted token stays where it is while the network is away, and is taken later', async () => {
    const { forge, provider } = countersign
    const { runtime } = await countersign.runtime('ci')
    const page = await newPage()
    await page.goto(`/tokens/${runtime.id}/${provider.id}`)
    const field = page.getByLabel('Token', { exact: true })
    const token = await forge.token()
    await field.fill(token)

    await page.context().setOffline(true)
    await page.getByRole('button', { name: 'Add Token', exact: true }).click()
    await page.getByText('Countersign did not answer.').waitFor()
    assert.equal(await field.inputValue(), token)
    await page.context().setOffline(false)
    await page.getByRole('button', { name: 'Add Token', exact: true }).click()
    await page.locator('[data-status=valid]').waitFor()
  })

  test('where the page itself does not come, it says so, and can be tried again', async () => {
    const page = await newPage()
    await page.route('**/assets/*.js', (route) => route.fulfill({ status: 503, body: '' }))
    await page.goto('/tokens')
    await page.getByRole('alert').getByText('Countersign could not be loaded.').waitFor()
    await page.unrouteAll()
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('heading', { name: 'Git Personal Access Tokens' }).waitFor()
  })

  test('a link that is pointed at does no more than be pointed at', async () => {
    const page = await newPage()
    await page.goto('/account')
    const field = page.getByRole('textbox', { name: 'Name' })
    await field.fill('Ada L.')
    const failed = page.waitForResponse(RUNTIMES_PAGE)
    await page.route(RUNTIMES_PAGE, (route) => route.fulfill({ status: 404, body: '' }))
    const link = page.getByRole('link', { name: 'Runtimes' })
    await link.hover()
    await failed
    await page.getByRole('button', { name: 'Save name' }).click()
    await page.getByText('Name changed').waitFor()
    assert.equal(await field.inputValue(), 'Ada L.')

    // A newer version has the code by another name.
    await page.unroute(RUNTIMES_PAGE)
    await link.click()
    await page.getByRole('heading', { level: 1, name: 'Runtimes' }).waitFor()
  })

  test('a page and a panel that are long in coming are seen to be on their way', async () => {
    const { provider } = countersign
    const { runtime } = await countersign.runtime('far')
    const page = await newPage()
    await page.goto('/account')
    const progress = page.getByRole('progressbar', { name: 'Loading' })
    for (const [part, go, shown] of [
      [
        RUNTIMES_PAGE,
        () => page.getByRole('link', { name: 'Runtimes' }).click(),
        page.getByRole('heading', { level: 1, name: 'Runtimes' }),
      ],
      [
        /\/assets\/token-panel-.*\.js$/,
        () => page.goto(`/tokens/${runtime.id}/${provider.id}`, { waitUntil: 'commit' }),
        page.getByRole('dialog', { name: 'Add Token' }),
      ],
    ] as const) {
      const { promise: released, resolve: release } = Promise.withResolvers<void>()
      await page.route(part, async (route) => {
        await released
        await route.continue()
      })
      await go()
      await progress.waitFor()
      release()
      await shown.waitFor()
      await progress.waitFor({ state: 'hidden' })
    }
  })

  test('a page that cannot come says so, and comes when it can', async () => {
    const page = await newPage()
    await page.goto('/account')
    await page.getByRole('button', { name: 'Save name' }).waitFor()
    await page.context().setOffline(true)
    await page.getByRole('link', { name: 'Runtimes' }).click()
    await page.getByText('Countersign did not answer.').waitFor()
    await page.context().setOffline(false)
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByRole('heading', { level: 1, name: 'Runtimes' }).waitFor()
  })
})
