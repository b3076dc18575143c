import { after, before, suite, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { EVENTS_PATH } from '../../src/contract/index.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { answerAtForge, beginOAuth, comeBack, registerClient } from '../harness/oauth.ts'
import { launchChromium, noChromium, openProfile } from './chromium.ts'

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

  test('it ends as it should even if the first answer is older than the event', async () => {
    const { admin, forge, provider, page_url } = countersign
    const { runtime } = await countersign.runtime('returning')
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    await registerClient(admin, { url: forge.url, token: await forge.token('alice', ['all']) }, row)
    const { request, authorization_url } = await beginOAuth(admin, row)
    await using events = await admin.events()
    const account = { login: 'alice', password: 'alice-demo' }
    const back = await comeBack(await answerAtForge(authorization_url, account), admin.cookie)
    await events.until(async () => {
      const { status } = await admin.api.getAuthorizationRequest({ params: { id: request.id } })
      return status === 'completed' ? true : undefined
    })

    await using profile = await openProfile(browser, page_url, { cookie: admin.cookie })
    const { page } = profile
    const listening = page.waitForResponse((response) => response.url().endsWith(EVENTS_PATH))
    await page.route(
      `**/authorization-requests/${request.id}`,
      async (route) => {
        const response = await route.fetch()
        const before = { ...(await response.json()), status: 'exchanging' }
        // The page has heard by now that it should read, and has joined this answer.
        await listening
        await page.evaluate('new Promise((done) => setTimeout(done))')
        await route.fulfill({ response, json: before })
      },
      { times: 1 },
    )
    await page.goto(back.href)
    await page.getByRole('alert').filter({ hasText: 'Authorized' }).waitFor()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  })
})
