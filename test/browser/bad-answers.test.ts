import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { assertAccessible } from './accessibility.ts'
import { hearNothing, noChromium } from './chromium.ts'
import { type Populated, startPopulated } from './populated.ts'

suite(
  'an answer that is not the one hoped for has a sentence and a way on',
  {
    skip: noChromium,
  },
  () => {
    let populated: Populated
    let page: Page
    let url: (path: string) => string
    before(async () => {
      populated = await startPopulated()
      page = populated.ada.page
      url = (path) => populated.countersign.page_url + path
      // More runtimes than a page of a list has.
      const { admin, provider } = populated.countersign
      for (let index = 0; index < 25; index += 1) {
        const name = `more-${String(index).padStart(2, '0')}`
        await admin.api.createRuntime({ body: { name, provider_ids: [provider.id] } })
      }
    })
    after(() => populated[Symbol.asyncDispose]())

    const alert = (words: string, on = page) => on.getByRole('alert').filter({ hasText: words })
    /** @returns what has it answered again */
    async function refuse(path: string): Promise<() => Promise<void>> {
      const begins = ({ pathname, search }: URL) => `${pathname}${search}`.startsWith(path)
      await page.route(begins, (route) => route.abort())
      return () => page.unroute(begins)
    }

    test('Edit runtime of one that is gone leads back', async () => {
      const gone = `/admin/runtimes/${crypto.randomUUID()}`
      await page.goto(url(`${gone}/edit`))
      const panel = page.getByRole('dialog', { name: 'Edit runtime' })
      await panel.getByRole('alert').getByText('not, or no longer').waitFor()
      await assertAccessible(page)
      await panel.getByRole('button', { name: 'Back to the runtime' }).click()
      await panel.waitFor({ state: 'hidden' })
      await page.getByRole('heading', { name: 'There is no such runtime' }).waitFor()
    })

    test('Show more that fails says so, keeps what is there, and can be tried again', async () => {
      await hearNothing(page)
      await page.goto(url('/admin/runtimes'))
      const rows = page.getByRole('rowheader')
      await rows.nth(24).waitFor()
      const answer = await refuse('/api/v1/runtimes?cursor=')
      await page.getByRole('button', { name: 'Show more' }).click()
      await alert('More could not be read.').waitFor()
      assert.match(
        await alert('More could not be read.').innerText(),
        /What is shown stays as it is/,
      )
      assert.equal(await rows.count(), 25)
      await assertAccessible(page)
      await answer()
      await page.getByRole('button', { name: 'Try again' }).click()
      await rows.nth(28).waitFor()
      assert.equal(await alert('More could not be read.').count(), 0)
      await page.unrouteAll()
    })

    test('Show more goes on where something changes meanwhile', async () => {
      const { admin, provider } = populated.countersign
      await page.goto(url('/admin/runtimes'))
      const rows = page.getByRole('rowheader')
      await rows.nth(24).waitFor()
      const asked = Promise.withResolvers<void>()
      const held = Promise.withResolvers<void>()
      const isMore = ({ pathname, search }: URL) =>
        pathname === '/api/v1/runtimes' && search.includes('cursor=')
      await page.route(isMore, async (route) => {
        asked.resolve()
        await held.promise
        await route.continue()
      })
      await page.getByRole('button', { name: 'Show more' }).click()
      await asked.promise
      // The second change is told after the first one, and has the page ask who is signed in.
      const told = page.waitForRequest((request) => request.url().endsWith('/api/v1/session'))
      await admin.api.createRuntime({ body: { name: 'meanwhile', provider_ids: [provider.id] } })
      const { id } = (await populated.countersign.person('meanwhile')).person
      await admin.api.updatePerson({ params: { id }, body: { role: 'admin' } })
      await told
      held.resolve()
      await page.getByRole('rowheader', { name: 'meanwhile' }).waitFor()
      await rows.nth(29).waitFor()
      await page.unrouteAll()
    })

    test('invitations that cannot be read are not just missing', async () => {
      await hearNothing(page)
      const answer = await refuse('/api/v1/invites')
      await page.goto(url('/admin/people'))
      const said = alert('The invitations could not be read.')
      await said.waitFor()
      await page.getByRole('button', { name: 'Remove mo' }).waitFor()
      await assertAccessible(page)
      await answer()
      await said.getByRole('button', { name: 'Try again' }).click()
      await page.getByRole('button', { name: 'Withdraw invitation for anyone' }).waitFor()
      assert.equal(await said.count(), 0)
      await page.unrouteAll()
    })

    test('a page of a proxy is told from an answer, and what was typed stays', async () => {
      const gateway = { status: 502, contentType: 'text/html', body: '<h1>502 Bad Gateway</h1>' }
      const words = 'Something before Countersign answered in its place, with 502. Try again'
      await page.goto(url('/admin/runtimes/new'))
      const panel = page.getByRole('dialog', { name: 'Register runtime' })
      await panel.getByLabel('Name').fill('patient')
      await panel.getByRole('checkbox').first().waitFor()
      await page.route('**/api/v1/runtimes**', (route) => route.fulfill(gateway))
      await panel.getByRole('button', { name: 'Register runtime' }).click()
      await panel.getByRole('alert').getByText(words).waitFor()
      assert.equal(await panel.getByLabel('Name').inputValue(), 'patient')
      assert.doesNotMatch(await panel.innerText(), /went wrong|without a reason/)
      await hearNothing(page)
      await page.goto(url('/admin/runtimes'))
      await alert('This list could not be read.').getByText(words).waitFor()
      await page.unroute('**/api/v1/runtimes**')
      await page.getByRole('button', { name: 'Try again' }).click()
      await page.getByRole('rowheader').first().waitFor()
      await page.unrouteAll()
    })

    test('what the server says of a field stands at the field, in words', async () => {
      const { page } = populated.nobody
      await page.goto(url(populated.invite))
      await page.getByText('At least 10 characters. Long beats complicated').waitFor()
      await page.getByLabel('Name', { exact: true }).fill('Ana')
      await page.getByLabel('E-mail', { exact: true }).fill('ana@a-.example')
      await page.getByLabel('Password', { exact: true }).fill('too short')
      await page.getByRole('button', { name: 'Join' }).click()
      await page.getByText('Choose a password of at least 10 characters.').waitFor()
      await page.getByLabel('Password', { exact: true }).fill('x'.repeat(257))
      await page.getByRole('button', { name: 'Join' }).click()
      await page.getByText('Use at most 256 characters.').waitFor()
      await page.getByText('Type an e-mail address, like ana@example.com.').waitFor()
      await assertAccessible(page)
    })

    test('and none of it was a fault of the page', () => {
      assert.deepEqual(populated.nobody.complaints, [])
      const others = populated.ada.complaints.filter((one) => !one.includes('net::ERR_FAILED'))
      assert.deepEqual(others, [])
    })
  },
)
