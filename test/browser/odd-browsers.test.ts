import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { joinAs, PASSWORD } from '../harness/person.ts'
import { launchChromium, noChromium, openProfile } from './chromium.ts'

suite('somebody whose browser or address is not like most', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let pageOf: (cookie?: string) => Promise<Page>

  before(async () => {
    countersign = resources.use(await startCountersign())
    const browser = resources.use(await launchChromium())
    pageOf = async (cookie = '') =>
      resources.use(await openProfile(browser, countersign.page_url, { cookie })).page
  })
  after(() => resources.disposeAsync())

  test('is told that cookies are blocked, and not just asked to sign in again', async () => {
    const { admin, page_url } = countersign
    const page = await pageOf()
    // What sets a cookie comes without it.
    await page.route('**/api/v1/session', async (route) => {
      const request = route.request()
      if (request.method() !== 'POST') return await route.fallback()
      const response = await fetch(request.url(), {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: page_url },
        body: request.postData(),
      })
      await route.fulfill({ status: response.status, json: await response.json() })
    })
    await page.goto(`${page_url}/sign-in`)
    await page.getByLabel('E-mail').fill(admin.person.email)
    await page.getByRole('textbox', { name: 'Password' }).fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('This browser keeps no cookie of Countersign.').waitFor()

    await page.unrouteAll()
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(`${page_url}/tokens`)
  })

  test('copies a command that a shell takes with an apostrophe in the address', async () => {
    const { admin, page_url } = countersign
    const { runtime } = await countersign.runtime('ci')
    const { url } = await admin.api.createInvite({ body: { role: 'admin' } })
    const { cookie, person } = await joinAs(page_url, url.split('#')[1] ?? '', "o'brien")
    const page = await pageOf(cookie)
    await page.goto(`${page_url}/admin/runtimes/${runtime.id}`)
    await page.getByRole('button', { name: 'Rotate key' }).click()
    const command = await page.getByRole('textbox', { name: 'Agent command' }).inputValue()
    const script = command.replace(/^npx /, 'printf "%s\\n" ')
    const words = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trimEnd().split('\n')
    assert.equal(words.at(-1), person.email)
  })
})
