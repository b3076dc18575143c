import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { launchChromium, noChromium } from './chromium.ts'

suite('with the colours of a system that has its own', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let page: Page

  before(async () => {
    countersign = resources.use(await startCountersign())
    const browser = resources.use(await launchChromium())
    const { admin, page_url } = countersign
    const context = await browser.newContext({
      baseURL: page_url,
      reducedMotion: 'reduce',
      forcedColors: 'active',
    })
    context.setDefaultTimeout(20_000)
    const [name = '', value = ''] = admin.cookie.split('=')
    await context.addCookies([{ name, value, url: page_url }])
    page = await context.newPage()
  })
  after(() => resources.disposeAsync())

  /** What is drawn there. */
  async function picture(of: Locator): Promise<string> {
    return (await of.screenshot({ animations: 'disabled' })).toString('base64')
  }

  /** What is drawn within the border of a small field. */
  async function mark(field: Locator): Promise<string> {
    const place = await field.boundingBox()
    assert.ok(place)
    const { x, y, width, height } = place
    const clip = { x: x + 4, y: y + 4, width: width - 8, height: height - 8 }
    return (await page.screenshot({ animations: 'disabled', clip })).toString('base64')
  }

  test('what is chosen looks other than what is not', async () => {
    const { provider } = countersign
    const { runtime } = await countersign.runtime('ci')
    await page.goto(`/admin/runtimes/${runtime.id}/git/${provider.id}`)
    const radio = page.getByRole('radio', { name: 'For some days' })
    const box = page.getByRole('checkbox', { name: 'Accept tokens' })
    for (const field of [radio, box]) {
      await field.scrollIntoViewIfNeeded()
      const before = await mark(field)
      await field.check()
      assert.notEqual(await mark(field), before)
    }
  })

  test('what is not chosen has no mark, and a panel has an edge', async () => {
    const { admin, forge, provider } = countersign
    const row = async (name: string) => ({
      runtime_id: (await countersign.runtime(name)).runtime.id,
      provider_id: provider.id,
    })
    await admin.addToken(await row('one'), await forge.token())
    const { runtime_id } = await row('two')
    await page.goto(`/tokens/${runtime_id}/${provider.id}`)
    const paste = page.getByRole('radio', { name: 'Paste a new token' })
    await paste.waitFor()
    const indicator = paste.locator('.mantine-RadioIndicator-indicator')
    const before = await mark(indicator)
    await indicator
      .locator('svg')
      .evaluate((icon) => icon.style.setProperty('visibility', 'hidden'))
    assert.equal(await mark(indicator), before)
    const edge = await page
      .getByRole('dialog')
      .evaluate((one) => one.ownerDocument.defaultView?.getComputedStyle(one).outlineStyle)
    assert.equal(edge, 'solid')
  })

  test('a field shows that it has the focus, and the pages which of them is open', async () => {
    await page.goto('/account')
    const name = page.getByRole('textbox', { name: 'Name' })
    const unfocused = await picture(page.locator('form').first())
    await name.focus()
    assert.notEqual(await picture(page.locator('form').first()), unfocused)

    const people = page.getByRole('link', { name: 'People' })
    const elsewhere = await picture(people)
    await people.click()
    await page.getByRole('heading', { level: 1, name: 'People' }).waitFor()
    await page.mouse.move(0, 500)
    assert.notEqual(await picture(people), elsewhere)
  })
})
