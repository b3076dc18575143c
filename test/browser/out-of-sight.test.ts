import { after, before, suite, test } from 'node:test'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'

/** To one server, of all tabs of a browser, where it speaks HTTP/1.1. */
const MOST_CONNECTIONS = 6

/** A page is out of sight until it is shown: Playwright's are always in sight. */
const HIDDEN = `
let hidden = true
Object.defineProperty(document, 'hidden', { get: () => hidden })
globalThis.show = () => {
  hidden = false
  document.dispatchEvent(new Event('visibilitychange'))
}`

suite('pages in tabs behind others', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let profile: Profile

  before(async () => {
    countersign = resources.use(await startCountersign())
    const browser = resources.use(await launchChromium())
    const { admin, page_url } = countersign
    profile = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie }))
    await profile.context.addInitScript(HIDDEN)
  })
  after(() => resources.disposeAsync())

  test('hold up no other, and show what is so once they are in sight', async () => {
    const { admin, page_url, forge, provider } = countersign
    const { runtime } = await countersign.runtime('ci')
    const { page: first, context } = profile
    await first.goto(`${page_url}/tokens`)
    for (let tab = 1; tab <= MOST_CONNECTIONS; tab += 1) {
      const page = await context.newPage()
      await page.goto(`${page_url}/tokens`)
      await page.getByRole('rowheader', { name: 'ci' }).waitFor()
    }

    const row = first.getByRole('row').filter({ has: first.getByRole('rowheader', { name: 'ci' }) })
    await row.getByText('Not authorized').waitFor()
    await admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, await forge.token())
    await first.evaluate('show()')
    await row.locator('[data-status=valid]').waitFor()
    await admin.api.updateAccount({ body: { name: 'Ada L.' } })
    await first.getByRole('button', { name: 'Ada L.' }).waitFor()
  })
})
