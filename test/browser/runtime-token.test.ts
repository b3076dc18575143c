import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import { answerAtForge, beginRuntimeOAuth, registerClient } from '../harness/oauth.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'

suite("a runtime's own token, in a browser", { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let browser: Browser
  let profile: Profile
  let page: Page
  let row: { runtime_id: string; provider_id: string }
  let credential: () => Promise<{ password: string; account: { login: string } }>

  before(async () => {
    countersign = resources.use(await startCountersign())
    browser = resources.use(await launchChromium())
    const { admin, page_url, provider, forge, vault_url } = countersign
    const { runtime, key } = await countersign.runtime('ci')
    row = { runtime_id: runtime.id, provider_id: provider.id }
    const host = new URL(forge.url).host
    const body = { as_runtime: true, protocol: 'http', host } as const
    credential = () => runtimeClient(vault_url, key).issueCredential({ body })
    const others = [forge.url]
    profile = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie, others }))
    page = profile.page
    await page.goto(`${page_url}/admin/runtimes/${runtime.id}`)
  })
  after(() => resources.disposeAsync())

  const section = () => page.getByRole('region', { name: "Runtime's own token" })
  const state = () => section().locator('[data-status]')
  const panel = (title: string) => page.getByRole('dialog', { name: title })
  const notice = (title: string) => page.getByRole('alert').filter({ hasText: title })

  async function paste(title: 'Add Token' | 'Update Token', token: string): Promise<void> {
    await panel(title).getByLabel('Token', { exact: true }).fill(token)
    await panel(title).getByRole('button', { name: title }).click()
  }

  test('Escape leads from its panel back to the button that opened it', async () => {
    const add = page.getByRole('link', { name: 'Add Token of ci itself at Forge' })
    await add.focus()
    await page.keyboard.press('Enter')
    await panel('Add Token').getByText('Scopes the token needs').waitFor()
    await page.keyboard.press('Escape')
    await panel('Add Token').waitFor({ state: 'hidden' })
    await page.waitForURL(`${countersign.page_url}/admin/runtimes/${row.runtime_id}`)
    await add.and(page.locator(':focus')).waitFor()
  })

  test('is added in a panel that says what it needs', async () => {
    await section().getByText('No token').waitFor()
    await assertAccessible(page)
    await page.getByRole('link', { name: 'Add Token of ci itself at Forge' }).click()
    await panel('Add Token').getByText('Scopes the token needs').waitFor()
    await panel('Add Token').getByText('Make it with the robot account, not your own.').waitFor()
    await assertAccessible(page)
    const token = await countersign.forge.token('alice')
    await paste('Add Token', token)
    await notice('Token added').waitFor()
    await panel('Add Token').waitFor({ state: 'hidden' })
    await state().and(page.locator('[data-status=valid]')).waitFor()
    const cells = (await section().innerText()).replaceAll(/\s+/g, ' ')
    assert.match(cells, /alice Alice Demo Valid/)
    assert.match(cells, /write:repository read:user Not known just now/)
    assert.equal((await credential()).password, token)
    await assertAccessible(page)
  })

  test('shows the picture of its account', async () => {
    const picture = section().locator('img')
    await picture.waitFor()
    const width = await picture.evaluate(loadedWidth)
    assert.ok(width > 0)
  })

  test('stays when another one is turned down', async () => {
    await page.getByRole('link', { name: 'Update Token of ci itself at Forge' }).click()
    await paste('Update Token', '0123456789abcdef0123456789abcdef01234567')
    const fault = panel('Update Token').getByRole('alert').filter({ hasText: /\S/ })
    assert.match(await fault.innerText(), /The previous token still works\./)
    await panel('Update Token').getByRole('button', { name: 'Cancel' }).click()
    await panel('Update Token').waitFor({ state: 'hidden' })
    assert.equal((await credential()).account.login, 'alice')
  })

  test('is checked on demand, and the list of runtimes names one that needs care', async () => {
    const { forge } = countersign
    await forge.control('POST', '/control/tokens/revoke', {
      sha1: (await credential()).password,
    })
    await section().getByRole('button', { name: 'Check now: token of ci itself at Forge' }).click()
    await section().locator('[data-status=rejected]').waitFor()
    await page.mouse.move(0, 0)
    await page.getByRole('tooltip').waitFor({ state: 'hidden' })
    await assertAccessible(page)
    await page.getByRole('link', { name: 'Runtimes', exact: true }).first().click()
    await page.getByText('Update at Forge').waitFor()
    await assertAccessible(page)
    await page.getByRole('link', { name: 'ci', exact: true }).click()
    await section().waitFor()
  })

  test('is authorized with OAuth2, by the robot account', async () => {
    const { admin, forge } = countersign
    const token = await forge.token('alice', ['all'])
    await registerClient(admin, { url: forge.url, token }, row)
    await page.reload()
    await page.getByRole('link', { name: 'Update Token of ci itself at Forge' }).click()
    await panel('Update Token').getByText('may then do at Forge as itself').waitFor()
    await panel('Update Token').getByText('with the robot account, not your own').waitFor()
    await assertAccessible(page)
    await panel('Update Token').getByRole('button', { name: 'Authorize access to Forge' }).click()
    await page.locator('[name=user_name]').fill('bob')
    await page.locator('[name=password]').fill('bob-demo')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.locator('button[name=granted][value=true]').click()
    await page.getByText('You authorized as bob; until now it was alice.').waitFor()
    await page.getByText('Use bob as the robot account of this runtime?').waitFor()
    await assertAccessible(page)
    await page.getByRole('button', { name: 'Use bob' }).click()
    await notice('Authorized').waitFor()
    await page.getByText('ci now acts at Forge as itself.').waitFor()
    await section().getByText('OAuth2').waitFor()
    assert.equal((await credential()).account.login, 'bob')
  })

  test('says on the page of the runtime that an authorization took too long', async () => {
    const { admin, database, page_url } = countersign
    const { request, authorization_url } = await beginRuntimeOAuth(admin, row)
    const account = { login: 'bob', password: 'bob-demo' }
    const callback = await answerAtForge(authorization_url, account)
    await database.db
      .updateTable('authorization_requests')
      .set({ expires_at: new Date(0) })
      .where('id', '=', request.id)
      .execute()
    await page.goto(callback)
    const said = page.getByRole('alert').filter({ hasText: 'The authorization took too long.' })
    await said.getByText('Nothing was changed. Begin again from the list below.').waitFor()
    await section().getByText('OAuth2').waitFor()
    await assertAccessible(page)
    await said.getByRole('button', { name: 'Dismiss' }).click()
    await said.waitFor({ state: 'detached' })
    await page.waitForURL(`${page_url}/admin/runtimes/${row.runtime_id}`)
  })

  test('is deleted, after saying by name what stops working', async () => {
    await section()
      .getByRole('button', { name: 'Delete authorization of ci itself at Forge' })
      .click()
    const dialog = panel("Delete ci's own authorization?")
    const words = (await dialog.innerText()).replaceAll(/\s+/g, ' ')
    assert.match(words, /What ci does at Forge as itself \(bob\) will fail/)
    // A Gitea has no call that ends a grant.
    await dialog.getByRole('link', { name: 'revoke it at Forge' }).waitFor()
    await assertAccessible(page)
    await dialog.getByRole('button', { name: 'Delete' }).click()
    await section().getByText('No token').waitFor()
    await assert.rejects(credential(), /runtime-token-missing/)
  })

  test('nothing was fetched from elsewhere, and no console complained', () => {
    assert.deepEqual(profile.complaints, [])
  })
})

async function loadedWidth(image: { decode(): Promise<void>; naturalWidth: number }) {
  await image.decode()
  return image.naturalWidth
}
