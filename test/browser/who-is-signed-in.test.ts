import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { PASSWORD } from '../harness/person.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium } from './chromium.ts'

const BACK_IN_SIGHT = `document.dispatchEvent(new Event('visibilitychange'))`

/** Its background; one that can be seen through has a fourth part, after a slash or a comma. */
const BEHIND_DIALOG = `getComputedStyle(document.querySelector('[data-covers]')).backgroundColor`

suite('somebody who is signed in no more', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let newContext: () => Promise<BrowserContext>

  before(async () => {
    countersign = resources.use(await startCountersign())
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

  /** A new person, in a browser of their own, with the list in front of them. */
  async function arrive(name: string) {
    const { person, cookie } = await countersign.person(name)
    const context = await newContext()
    const equals = cookie.indexOf('=')
    const session = { name: cookie.slice(0, equals), value: cookie.slice(equals + 1) }
    await context.addCookies([{ ...session, url: countersign.page_url }])
    const page = await context.newPage()
    await page.goto('/tokens')
    await page.getByRole('rowheader', { name: 'ci' }).waitFor()
    return { person, context, page }
  }

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

  /** *Add Token* half filled. */
  async function typeToken(page: Page) {
    await page.getByRole('link', { name: 'Add Token' }).click()
    const field = page.getByLabel('Token', { exact: true })
    const token = await countersign.forge.token('bob')
    await field.fill(token)
    return { field, token }
  }

  async function endSessions(email: string) {
    await countersign.database.db
      .deleteFrom('sessions')
      .where('person_id', 'in', (people) =>
        people.selectFrom('people').select('id').where('email', '=', email),
      )
      .execute()
  }

  const again = (page: Page) => page.getByRole('dialog', { name: 'Sign in again' })

  async function signInAgain(page: Page, email?: string) {
    if (email) await again(page).getByLabel('E-mail').fill(email)
    await again(page).getByRole('textbox', { name: 'Password' }).fill(PASSWORD)
    await again(page).getByRole('button', { name: 'Sign in' }).click()
    await again(page).waitFor({ state: 'hidden' })
  }

  test('is told so in the other tabs, too, once they are looked at', async () => {
    const { context, page } = await arrive('mo')
    await signOut(context)
    await page.evaluate(BACK_IN_SIGHT)
    await again(page).waitFor()
    await assertAccessible(page)
    assert.match(await page.evaluate(BEHIND_DIALOG), /^(rgb|color)\([^,/]*\)$/)
    await page.reload()
    await page.waitForURL('/sign-in?to=%2Ftokens')
  })

  test('finds a half-filled form as it was, once they are signed in again', async () => {
    const { person, page } = await arrive('nora')
    const { field, token } = await typeToken(page)
    await endSessions(person.email)
    await page.evaluate(BACK_IN_SIGHT)
    await again(page).getByRole('textbox', { name: 'Password' }).press('Escape')
    await signInAgain(page)
    assert.equal(await field.inputValue(), token)
    await page.getByRole('button', { name: 'Add Token', exact: true }).click()
    await page.locator('[data-status=valid]').waitFor()
    const kept = await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])')
    assert.doesNotMatch(String(kept), new RegExp(token))
  })

  test('need not press again what was pressed when they were not', async () => {
    const { person, page } = await arrive('olga')
    await typeToken(page)
    await endSessions(person.email)
    await page.getByRole('button', { name: 'Add Token', exact: true }).click()
    await signInAgain(page)
    await page.getByText('ci now uses it at Forge.').waitFor()
  })

  test('goes on in each tab that was open', async () => {
    const { person, context, page } = await arrive('pia')
    const { field, token } = await typeToken(page)
    await signOut(context)
    await page.evaluate(BACK_IN_SIGHT)
    await again(page).waitFor()
    await signIn(context, person.email)
    await page.evaluate(BACK_IN_SIGHT)
    await again(page).waitFor({ state: 'hidden' })
    assert.equal(await field.inputValue(), token)
  })

  test('leaves nothing to somebody else who signs in in their place', async () => {
    const { person, page } = await arrive('quinn')
    const { field } = await typeToken(page)
    await endSessions(person.email)
    await page.getByRole('button', { name: 'Add Token', exact: true }).click()
    const loaded = page.waitForEvent('load')
    await signInAgain(page, countersign.admin.person.email)
    await loaded
    await page.locator('[aria-label="Account of ada"]').waitFor()
    assert.equal(await field.inputValue(), '')
    const { items } = await countersign.admin.api.listAccess({})
    assert.deepEqual(
      items.filter(({ authorization }) => authorization),
      [],
    )
  })

  test('leaves no page to whoever is signed in after', async () => {
    const { context, page } = await arrive('rita')
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
    const { context, page } = await arrive('sam')
    await signOut(context)
    await again(page).waitFor({ timeout: 60_000 })
  })
})
