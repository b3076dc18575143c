import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { sql } from 'kysely'
import type { Browser, Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { ALICE } from '../harness/granted.ts'
import { registerClient } from '../harness/oauth.ts'
import { assertAccessible } from './accessibility.ts'
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

  test('is used again with a word, where it only came to a limit', async () => {
    const { admin, database } = countersign
    await admin.api.updateRuntimeProvider({
      params: ci,
      body: { max_age_days: 1, warning_days: 0 },
    })
    await sql`update authorizations set authorized_at = authorized_at - interval '1 day',
      expires_at = expires_at - interval '1 day' where runtime_id = ${ci.runtime_id}`.execute(
      database.db,
    )
    await page.goto(`${countersign.page_url}/tokens`)
    const banner = page.getByRole('region', { name: 'Needs your attention' })
    await banner.getByRole('link', { name: 'Authorize again: ci at Forge', exact: true }).click()
    const again = page.getByRole('dialog', { name: 'Authorize again' })
    await again.getByText('It stays, and its time begins anew.').waitFor()
    await assertAccessible(page)
    await again.getByRole('button', { name: 'Use this token' }).click()
    await again.waitFor({ state: 'hidden' })
    await banner.waitFor({ state: 'detached' })
    assert.equal((await admin.access(ci.runtime_id)).authorization?.connection.status, 'valid')
  })

  test('with no complaint in the console', () => assert.deepEqual(profile.complaints, []))
})
