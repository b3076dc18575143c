import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { EVENTS_PATH } from '../../src/contract/index.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { until } from '../harness/until.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile } from './chromium.ts'

suite('choosing how people authorize a runtime', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let page: Page
  let row: { runtime_id: string; provider_id: string }
  /** Gives another administrator's browser, with the page of the runtime open, their role. */
  let become: (role: 'admin' | 'member') => Promise<unknown>

  before(async () => {
    countersign = resources.use(await startCountersign())
    const browser = resources.use(await launchChromium())
    const { admin, page_url, provider } = countersign
    const { runtime } = await countersign.runtime('ci')
    row = { runtime_id: runtime.id, provider_id: provider.id }
    const mo = await countersign.person('mo')
    become = (role) => admin.api.updatePerson({ params: { id: mo.person.id }, body: { role } })
    await become('admin')
    const profile = resources.use(await openProfile(browser, page_url, { cookie: mo.cookie }))
    page = profile.page
    // The page does not hear who it is any more, nor can it ask.
    await page.route(`**${EVENTS_PATH}`, (route) => route.abort())
    await page.route('**/api/v1/session', (route) => route.abort())
    await page.goto(`${page_url}/admin/runtimes/${runtime.id}`)
  })
  after(() => resources.disposeAsync())

  const mode = () => page.getByLabel('How people authorize ci at Forge')
  const notice = (title: string) => page.getByRole('alert').filter({ hasText: title })
  const stored = async () => {
    const params = { id: row.runtime_id }
    const { items } = await countersign.admin.api.listRuntimeProviders({ params })
    return items[0]?.auth_mode
  }

  /** Holds the answers to so many changes until all of them were asked for, and `meanwhile` is over. */
  async function whileUnderWay(count: number, begin: () => Promise<unknown>, then: () => unknown) {
    const go = Promise.withResolvers<void>()
    let held = 0
    const changes = `**/api/v1/runtimes/${row.runtime_id}/providers/*`
    await page.route(changes, async (route) => {
      held += 1
      await go.promise
      await route.continue()
    })
    await begin()
    await until('all changes to be under way', () => Promise.resolve(held === count))
    await then()
    go.resolve()
  }

  const app = () => page.getByRole('link', { name: 'Register app at Forge' })
  const defaultApp = () => app().and(page.locator('[href^="/admin/git-authentication/"]'))
  const ownApp = () => app().and(page.locator('[href^="/admin/runtimes/"][href$="/app"]'))
  /** What is chosen is drawn again a moment after the browser itself has shown it. */
  const shows = (value: string) =>
    until(`${value} to be shown`, async () => (await mode().inputValue()) === value)

  test('shows at once, and the rest of the row once it is so', async () => {
    await whileUnderWay(
      1,
      () => mode().selectOption('Default app'),
      () => shows('default_client'),
    )
    await notice('Changed').waitFor()
    await page.getByText('Not registered').waitFor()
    await defaultApp().waitFor()
    await shows('default_client')
    assert.equal(await stored(), 'default_client')
  })

  test('leads to no app meanwhile: that would be the one of the choice before', async () => {
    await whileUnderWay(
      1,
      () => mode().selectOption("This runtime's own app"),
      () => app().waitFor({ state: 'detached' }),
    )
    await ownApp().waitFor()
    await mode().selectOption('Default app')
    await defaultApp().waitFor()
    assert.equal(await stored(), 'default_client')
  })

  test('is as it was where the server refuses, and a sentence says why', async () => {
    await become('member')
    await whileUnderWay(
      1,
      () => mode().selectOption('Personal access tokens'),
      () => shows('token'),
    )
    await notice('Not changed').getByText('administrator').waitFor()
    await shows('default_client')
    assert.equal(await stored(), 'default_client')
    await assertAccessible(page)
  })

  test('also where two in a row are refused', async () => {
    await notice('Not changed').waitFor({ state: 'detached' })
    await whileUnderWay(
      2,
      async () => {
        await mode().selectOption('Personal access tokens')
        await mode().selectOption("This runtime's own app")
      },
      () => shows('custom_client'),
    )
    await notice('Not changed').waitFor()
    await shows('default_client')
    assert.equal(await stored(), 'default_client')
  })
})
