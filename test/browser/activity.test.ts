import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { runtimeClient } from '../harness/countersign.ts'
import { refusal } from '../harness/problems.ts'
import { noChromium } from './chromium.ts'
import { type Populated, startPopulated } from './populated.ts'

suite('the list of activity', { skip: noChromium }, () => {
  let populated: Populated
  let page: Page
  let quiet: Awaited<ReturnType<Populated['countersign']['runtime']>>
  /** The query of each time it was read. */
  const read: string[] = []
  before(async () => {
    populated = await startPopulated()
    page = populated.ada.page
    quiet = await populated.countersign.runtime('quiet')
    await page.clock.install()
    page.on('request', (request) => {
      const { pathname, search } = new URL(request.url())
      if (pathname === '/api/v1/audit') read.push(search)
    })
    await page.goto(`${populated.countersign.page_url}/admin/activity`)
    await page.getByRole('rowheader').first().waitFor()
  })
  after(() => populated[Symbol.asyncDispose]())

  const newest = (words: string) => page.getByRole('row').nth(1).filter({ hasText: words })
  const secondsGoBy = () => page.clock.fastForward(6_000)
  const answered = () =>
    page.waitForResponse((response) => new URL(response.url()).pathname === '/api/v1/audit')

  test('shows by itself what no event tells of', async () => {
    const { countersign, member } = populated
    const { host } = new URL(countersign.forge.url)
    const body = { person: member.person.email, protocol: 'http', host } as const
    const asked = runtimeClient(countersign.vault_url, quiet.key).issueCredential({ body })
    await refusal(asked, 'authorization-missing')
    await secondsGoBy()
    await newest('Got a credential').filter({ hasText: 'Denied' }).waitFor()
    assert.match(await newest('Denied').innerText(), /quiet/)

    const wrong = { email: member.person.email, password: 'not this one' }
    await refusal(member.api.signIn({ body: wrong }), 'sign-in-failed')
    await secondsGoBy()
    await newest('Signed in').filter({ hasText: 'Denied' }).waitFor()
  })

  test('stays as it is under somebody who reads further down', async () => {
    await page.evaluate('scrollTo(0, 200)')
    // From here on no time goes by that the test does not let go by.
    await page.clock.pauseAt((await page.evaluate<number>('Date.now()')) + 10_000)
    read.length = 0
    await secondsGoBy()
    await page.evaluate('scrollTo(0, 0)')
    const again = answered()
    await secondsGoBy()
    await again
    assert.deepEqual(read, [''], 'it was read once, back at its top')
  })

  test('and nothing of it was a fault of the page', () => {
    assert.deepEqual(populated.ada.complaints, [])
  })
})
