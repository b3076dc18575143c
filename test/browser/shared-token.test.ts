import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { ALICE } from '../harness/granted.ts'
import { registerClient } from '../harness/oauth.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'
import { signInAs } from './forge-pages.ts'

suite('a token that another runtime uses, too', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let browser: Browser
  let profile: Profile
  let page: Page
  let ci: { runtime_id: string; provider_id: string }
  let web: typeof ci

  before(async () => {
    countersign = resources.use(await startCountersign())
    browser = resources.use(await launchChromium())
    const { admin, page_url, forge, provider } = countersign
    const others = [forge.url]
    profile = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie, others }))
    page = profile.page
    const rowOf = async (name: string) => {
      const { runtime } = await countersign.runtime(name)
      return { runtime_id: runtime.id, provider_id: provider.id }
    }
    ci = await rowOf('ci')
    web = await rowOf('web')
    const builder = { url: forge.url, token: await forge.token('alice', ['all']) }
    await registerClient(admin, builder, web)
    await admin.addToken(ci, await forge.token())
    const connection_id = await connectionOf(ci)
    await admin.api.createAuthorization({ body: { ...web, connection_id } })
  })
  after(() => resources.disposeAsync())

  async function connectionOf({ runtime_id }: typeof ci): Promise<string> {
    const { authorization } = await countersign.admin.access(runtime_id)
    return authorization?.connection.id ?? ''
  }
  const panel = () => page.getByRole('dialog', { name: 'Update Token' })
  const openPanel = () =>
    page.goto(`${countersign.page_url}/tokens/${web.runtime_id}/${web.provider_id}`)
  const says = (words: string) => panel().getByText(words).waitFor()

  test('is replaced for both by one that is pasted, and that is said before', async () => {
    await openPanel()
    await panel().getByRole('button', { name: 'Or paste a token instead' }).click()
    await says('ci uses it too and will use the new one.')
    await panel()
      .getByLabel('Token', { exact: true })
      .fill(await countersign.forge.token())
    await panel().getByRole('button', { name: 'Update Token' }).click()
    await panel().waitFor({ state: 'hidden' })
    assert.equal(await connectionOf(web), await connectionOf(ci))
  })

  test('stays with the other where access is authorized, and that is said before', async () => {
    const before = await connectionOf(ci)
    await openPanel()
    await says('ci uses it too and keeps it.')
    await panel().getByRole('button', { name: 'Authorize access to Forge' }).click()
    await signInAs(page, ALICE)
    await page.getByRole('button', { name: 'Authorize', exact: true }).click()
    await page.waitForURL(`${countersign.page_url}/tokens`)
    await page.getByRole('alert').filter({ hasText: 'web now acts at Forge as you' }).waitFor()
    assert.equal(await connectionOf(ci), before)
    assert.notEqual(await connectionOf(web), before)
  })

  test('with no complaint in the console', () => assert.deepEqual(profile.complaints, []))
})
