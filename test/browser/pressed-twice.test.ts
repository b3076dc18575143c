import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'

suite('a button that is pressed twice', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let profile: Profile
  let page: Page

  before(async () => {
    countersign = resources.use(await startCountersign())
    const { admin, forge, provider, page_url } = countersign
    const { runtime } = await countersign.runtime('ci')
    await countersign.runtime('web')
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    await admin.addToken(row, await forge.token())
    const browser = resources.use(await launchChromium())
    profile = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie }))
    page = profile.page
  })
  after(() => resources.disposeAsync())

  /** @returns what was sent, until this is told */
  async function pressTwice(button: Locator, told: string): Promise<string[]> {
    const sent: string[] = []
    page.on('request', (request) => {
      if (request.method() !== 'GET') sent.push(request.url())
    })
    await button.dblclick()
    await page.getByRole('alert').filter({ hasText: told }).first().waitFor()
    page.removeAllListeners('request')
    return sent
  }

  test('uses a token once', async () => {
    await page.goto(`${countersign.page_url}/tokens`)
    await page.getByRole('link', { name: 'Add Token of web' }).click()
    const button = page.getByRole('button', { name: 'Use this token' })
    assert.equal((await pressTwice(button, 'web acts at Forge')).length, 1)
  })

  test('deletes once', async () => {
    await page.goto(`${countersign.page_url}/tokens`)
    await page.getByRole('button', { name: 'Delete token of ci' }).click()
    const button = page.getByRole('dialog').getByRole('button', { name: /^Delete/ })
    assert.equal((await pressTwice(button, 'Deleted')).length, 1)
    assert.deepEqual(profile.complaints, [])
  })

  test('shows more once, and keeps the focus while that is read', async () => {
    for (let made = 0; made < 25; made += 1) await countersign.runtime()
    await page.goto(`${countersign.page_url}/tokens`)
    const { promise: released, resolve: release } = Promise.withResolvers<void>()
    let reads = 0
    await page.route(/\/api\/v1\/access\?.*cursor=/, async (route) => {
      reads += 1
      await released
      await route.continue()
    })
    const button = page.getByRole('button', { name: 'Show more' })
    await button.dblclick()
    await page.locator('button:has([class*=oader])').waitFor()
    assert.equal(await button.evaluate((one) => one.ownerDocument.activeElement === one), true)
    release()
    await button.waitFor({ state: 'detached' })
    assert.equal(reads, 1)
    const said = page.getByText('All are shown.')
    assert.equal(await said.evaluate((one) => one.ownerDocument.activeElement === one), true)
    await page.getByRole('searchbox').fill('runtime-1')
    await page.getByRole('rowheader', { name: 'runtime-22' }).waitFor({ state: 'detached' })
    assert.equal(await page.getByRole('searchbox').evaluate((one) => one.matches(':focus')), true)
  })
})
