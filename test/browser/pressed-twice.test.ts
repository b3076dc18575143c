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
})
