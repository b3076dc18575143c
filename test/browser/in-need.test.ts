import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { startWithGitlab, type WithGitlab } from '../harness/gitlab.ts'
import { PATIENCE_MS } from '../harness/until.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'

suite('what a Git host does not take, in a browser', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let scene: WithGitlab
  let browser: Browser
  let profile: Profile
  let page: Page
  let row: { runtime_id: string; provider_id: string }

  before(async () => {
    scene = resources.use(await startWithGitlab())
    browser = resources.use(await launchChromium())
    const { admin, page_url } = scene.countersign
    row = await scene.runtime('builder')
    profile = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie }))
    page = profile.page
  })
  after(() => resources.disposeAsync())

  const section = () => page.getByRole('region', { name: 'Not ended at the Git host yet' })

  function away(): void {
    scene.gitlab.interruptionFor = (path) =>
      path === '/oauth/revoke' ? { status: 503 } : undefined
  }

  async function back(): Promise<void> {
    scene.gitlab.interruptionFor = undefined
    // The queue has waited longer after each try.
    await section().waitFor({ state: 'detached', timeout: PATIENCE_MS })
  }

  async function assertShown(account: string): Promise<void> {
    // It stands there before the host has been told for the first time.
    await section().getByText('answered with error 503').waitFor()
    const text = (await section().innerText()).replaceAll(/\s+/g, ' ')
    assert.match(
      text,
      new RegExp(`GitLab ${account} Ended here just now .*answered with error 503`),
    )
    const link = section().getByRole('link', { name: 'End it at GitLab' })
    const applications = `${scene.gitlab.url}/-/user_settings/applications`
    assert.equal(await link.getAttribute('href'), applications)
    await assertAccessible(page)
  }

  test('a grant that could not be ended is under the list until the host was told', async () => {
    await scene.authorize(row, 'carol')
    const { access_token } = await scene.tokens()
    await page.goto(`${scene.countersign.page_url}/tokens`)
    away()
    await page.getByRole('button', { name: /^Delete/ }).click()
    const dialog = page.getByRole('alertdialog').or(page.getByRole('dialog'))
    await dialog.getByText('shown under the list until it is done').waitFor()
    await dialog.getByRole('button', { name: 'Delete' }).click()
    await section().waitFor()
    await assertShown('carol')
    await back()
    assert.equal(scene.gitlab.working(access_token), undefined)
  })

  test("a runtime's own is on the page of the runtime", async () => {
    await scene.authorize(row, 'dave', { itself: true })
    away()
    await page.goto(`${scene.countersign.page_url}/admin/runtimes/${row.runtime_id}`)
    await page.getByRole('button', { name: /^Delete.*GitLab/ }).click()
    const dialog = page.getByRole('alertdialog').or(page.getByRole('dialog'))
    await dialog.getByRole('button', { name: 'Delete' }).click()
    await section().waitFor()
    await assertShown('dave')
    await back()
  })

  test('former tokens of an authorization in use are not to be ended by hand', async () => {
    await scene.authorize(row, 'carol')
    await page.goto(`${scene.countersign.page_url}/tokens`)
    away()
    await scene.authorize(row, 'carol')
    await section().getByText('Former tokens of an authorization that is in use.').waitFor()
    assert.equal(await section().getByRole('link').count(), 0)
    await assertAccessible(page)
    await back()
  })

  test('an app is marked in the lists of runtimes and apps until it works', async () => {
    const { countersign, app } = scene
    const { admin, page_url } = countersign
    const { client_secret } = app
    const { items } = await admin.api.listClients({ query: {} })
    const id = items.find(({ client_id }) => client_id === app.client_id)?.id ?? ''
    await page.goto(`${page_url}/admin/runtimes`)
    await page.getByRole('link', { name: 'builder' }).waitFor()
    app.client_secret = 'another'
    await admin.api.testClient({ params: { id } })
    await page.getByText('App not accepted at GitLab').waitFor()
    await assertAccessible(page)
    await page.getByRole('link', { name: 'App not accepted' }).click()
    await page.getByText('GitLab does not accept this app (invalid_client)').waitFor()
    await page.goto(`${page_url}/tokens`)
    await page.getByText('A Git host does not accept the app').waitFor()
    await assertAccessible(page)
    await page.goto(`${page_url}/admin/runtimes`)
    await page.getByText('App not accepted at GitLab').waitFor()
    app.client_secret = client_secret
    await admin.api.testClient({ params: { id } })
    await page.getByText('App not accepted at GitLab').waitFor({ state: 'detached' })
  })

  test('with no complaint in the console', () => assert.deepEqual(profile.complaints, []))
})
