import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Browser, Locator, Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { until } from '../harness/until.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'

suite('waiting for the Git host and for a vault', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let browser: Browser
  let profile: Profile
  let page: Page
  let row: { runtime_id: string; provider_id: string }

  before(async () => {
    countersign = resources.use(await startCountersign())
    browser = resources.use(await launchChromium())
    const { admin, page_url, provider, forge } = countersign
    const { runtime } = await countersign.runtime('ci')
    row = { runtime_id: runtime.id, provider_id: provider.id }
    await admin.addToken(row, await forge.token())
    profile = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie }))
    page = profile.page
    await page.clock.install()
    await page.goto(`${page_url}/tokens`)
  })
  after(() => resources.disposeAsync())

  const checkNow = () => page.getByRole('button', { name: 'Check now: token of ci at Forge' })
  const notice = (title: string) => page.getByRole('alert').filter({ hasText: title })
  const panel = () => page.getByRole('dialog', { name: 'Update Token' })
  const fault = () => panel().getByRole('alert').filter({ hasText: /\S/ })

  /** Lets minutes go by in the browser, which may not have begun to wait yet, until `said` is there. */
  async function minutesUntil(said: Locator): Promise<void> {
    await until('words that come after minutes', async () => {
      if (await said.isVisible()) return true
      await page.clock.fastForward(61_000)
      return false
    })
  }

  const fault_500 = { kind: 'status', status: 500, match: '/api/v1/user' }

  async function handIn(token: string): Promise<void> {
    await panel().getByLabel('Token', { exact: true }).fill(token)
    await panel().getByRole('button', { name: 'Update Token' }).click()
  }

  test('a host that errs: what happened, what still works, and why', async () => {
    await countersign.forge.control('POST', '/control/faults', fault_500)
    await checkNow().click()
    await notice('Forge could not be asked').waitFor()
    const said = await notice('Forge could not be asked').innerText()
    assert.match(said, /Your token is kept as it was\. .* answered with error 500\./)
    const status = page.getByRole('row').filter({ has: page.locator('[data-status=valid]') })
    const words = (await status.innerText()).replaceAll(/\s+/g, ' ')
    assert.match(
      words,
      /Could not check now\. Last valid as of .*, and used as before\. .* error 500/,
    )

    await page.goto(`${countersign.page_url}/tokens/${row.runtime_id}/${row.provider_id}`)
    await handIn(await countersign.forge.token())
    await fault().getByText('Could not check now.').waitFor()
    assert.match(
      await fault().innerText(),
      /Could not check now\. Your previous token still works\. .* error 500\..*Try again/,
    )
    await assertAccessible(page)
    await countersign.forge.control('DELETE', '/control/faults')
    await panel().getByRole('button', { name: 'Try again' }).click()
    await notice('Token updated').waitFor()
    await panel().waitFor({ state: 'hidden' })
  })

  test('an answer to another window is not taken for the one to Check now', async () => {
    const { admin, forge, page_url } = countersign
    await page.goto(`${page_url}/tokens`)
    const { promise: seen, resolve: goOn } = Promise.withResolvers<void>()
    const isQuestion = ({ pathname }: URL) => pathname.endsWith('/check')
    await page.route(isQuestion, async (route) => {
      await seen
      await route.continue()
    })
    await checkNow().click()
    await page.locator('[data-checking]').waitFor()
    await forge.control('POST', '/control/faults', fault_500)
    await admin.checkNow(row.runtime_id)
    await page.getByRole('row').getByText('Could not check now.').waitFor()
    assert.equal(await page.locator('[data-checking]').count(), 1)
    await forge.control('DELETE', '/control/faults')
    goOn()
    await notice('Checked: valid').waitFor()
    await page.unroute(isQuestion)
  })

  test('a token for what is deleted in another window is not waited for', async () => {
    const { admin, forge, page_url, provider } = countersign
    const { runtime } = await countersign.runtime('wiki')
    const wiki = { runtime_id: runtime.id, provider_id: provider.id }
    await admin.addToken(wiki, await forge.token())
    await page.goto(`${page_url}/tokens/${wiki.runtime_id}/${wiki.provider_id}`)
    const token = await forge.token()
    const held = await forge.hold('/api/v1/user')
    await handIn(token)
    await held.asked()
    const { authorization } = await admin.access(runtime.id)
    await admin.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
    await fault().getByText('not checked any more').waitFor()
    assert.match(await fault().innerText(), /may have been deleted\.$/)
    await held.release()
  })

  suite('without a vault', () => {
    before(() => countersign.stopVaults())

    test('a token that was handed in is not waited for longer than a minute', async () => {
      await page.goto(`${countersign.page_url}/tokens/${row.runtime_id}/${row.provider_id}`)
      await handIn(await countersign.forge.token())
      await panel().getByText('Asking Forge about this token…').waitFor()
      await page.clock.fastForward(10_000)
      await panel().getByText('This takes longer than usual.').waitFor()
      await minutesUntil(fault())
      assert.match(
        await fault().innerText(),
        /No answer came within a minute\. Your previous token still works\. The check is made/,
      )
      await assertAccessible(page)
      await panel().getByRole('button', { name: 'Try again' }).click()
      await panel().getByText('Asking Forge about this token…').waitFor()
    })

    test('and Check now stops, says so, and can be pressed again', async () => {
      await page.goto(`${countersign.page_url}/tokens`)
      await checkNow().click()
      await page.mouse.move(0, 0)
      await page.locator('[data-checking]').waitFor()
      const said = notice('No answer came within a minute')
      await minutesUntil(said)
      assert.match(
        await said.innerText(),
        /Your token is kept as it was\. The check is made as soon as .* tell an administrator\./,
      )
      await page.locator('[data-checking]').waitFor({ state: 'detached' })
      await assertAccessible(page)
      await said.getByRole('button', { name: 'Dismiss' }).click()
      await checkNow().click()
      await page.locator('[data-checking]').waitFor()
      assert.deepEqual(profile.complaints, [])
    })
  })
})
