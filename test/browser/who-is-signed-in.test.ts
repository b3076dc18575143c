import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { BrowserContext } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { PASSWORD, type PersonClient } from '../harness/person.ts'
import { launchChromium, noChromium } from './chromium.ts'

const BACK_IN_SIGHT = `document.dispatchEvent(new Event('visibilitychange'))`

suite('somebody who is signed in no more', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let member: PersonClient
  let newContext: () => Promise<BrowserContext>

  before(async () => {
    countersign = resources.use(await startCountersign())
    member = await countersign.person('mo')
    await countersign.runtime('ci')
    const browser = resources.use(await launchChromium())
    newContext = async () => {
      const baseURL = countersign.page_url
      const context = await browser.newContext({ reducedMotion: 'reduce', baseURL })
      context.setDefaultTimeout(20_000)
      return context
    }
  })
  after(() => resources.disposeAsync())

  async function signIn(context: BrowserContext, email: string) {
    const page = await context.newPage()
    await page.goto('/sign-in')
    await page.getByLabel('E-mail').fill(email)
    await page.getByRole('textbox', { name: 'Password' }).fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('rowheader', { name: 'ci' }).waitFor()
    return page
  }

  async function signOut(context: BrowserContext) {
    const page = await context.newPage()
    await page.goto('/account')
    await page.getByRole('button', { name: 'Account of' }).click()
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.waitForURL('/sign-in')
  }

  test('has left the other tabs, too, once they are looked at', async () => {
    const context = await newContext()
    const page = await signIn(context, member.person.email)
    await signOut(context)
    await page.evaluate(BACK_IN_SIGHT)
    await page.waitForURL('/sign-in?to=%2Ftokens')
  })

  test('leaves no page to whoever is signed in after', async () => {
    const context = await newContext()
    const page = await signIn(context, member.person.email)
    await page.getByRole('link', { name: 'Add Token' }).click()
    const field = page.getByLabel('Token', { exact: true })
    await field.fill('a1B2c3D4')
    await signOut(context)
    await signIn(context, countersign.admin.person.email)
    await page.evaluate(BACK_IN_SIGHT)
    await page.locator('[aria-label="Account of ada"]').waitFor()
    assert.equal(await field.inputValue(), '')
  })

  test('is asked to sign in, not to wait for the connection', async () => {
    const context = await newContext()
    const page = await signIn(context, member.person.email)
    await signOut(context)
    await page.waitForURL('/sign-in?to=%2Ftokens', { timeout: 60_000 })
  })
})
