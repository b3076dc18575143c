import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import type { ProviderKind } from '../../src/contract/index.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { ALICE } from '../harness/granted.ts'
import { authorizeWithOAuth, registerClient } from '../harness/oauth.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'
import { signInAtForge } from './forge-pages.ts'

const HAS_NO_SECRET = 'This app has no secret (public client)'

suite('the panel of an OAuth app', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let browser: Browser
  let profile: Profile
  let page: Page

  before(async () => {
    countersign = resources.use(await startCountersign())
    browser = resources.use(await launchChromium())
    const { page_url, admin, forge } = countersign
    const options = { cookie: admin.cookie, others: [forge.url] }
    profile = resources.use(await openProfile(browser, page_url, options))
    page = profile.page
  })
  after(() => resources.disposeAsync())

  const panel = () => page.getByRole('dialog')
  const openPanel = () =>
    page.goto(`${countersign.page_url}/admin/git-authentication/${countersign.provider.id}`)

  async function client() {
    const { items } = await countersign.admin.api.listClients({})
    const [first] = items
    assert.ok(first)
    return first
  }

  /** A Git host that is not there to be asked. */
  async function hostOf(kind: ProviderKind, base_url: string): Promise<string> {
    const { origin } = new URL(base_url)
    const { id } = await countersign.database.db
      .insertInto('providers')
      .values({ kind, name: kind, base_url, origin, private_address_confirmed: false })
      .returning('id')
      .executeTakeFirstOrThrow()
    return id
  }

  /** Registers an app at the forge, on its page. */
  async function registerThere(callback: string, isPublic: boolean) {
    const forge = await profile.context.newPage()
    await forge.goto(`${countersign.forge.url}/user/settings/applications`)
    if (await forge.locator('[name=user_name]').isVisible()) await signInAtForge(forge)
    await forge.goto(`${countersign.forge.url}/user/settings/oauth2`)
    await forge.getByLabel('Name', { exact: true }).fill('Countersign')
    await forge.getByLabel('Redirect URI').fill(callback)
    if (isPublic) await forge.getByLabel('Confidential client').uncheck()
    await forge.getByRole('button', { name: 'Register application' }).click()
    const id = await forge.locator('#client-id').innerText()
    const secret = await forge.locator('#client-secret').innerText()
    await forge.close()
    return { id, secret }
  }

  test('on a phone, too, the callback address is in sight as a whole', async () => {
    await openPanel()
    const size = page.viewportSize()
    await page.setViewportSize({ width: 360, height: 800 })
    const field = panel().getByLabel('Callback address', { exact: true })
    const [whole, seen] = await field.evaluate((box) => [box.scrollHeight, box.clientHeight])
    assert.equal(seen, whole)
    if (size) await page.setViewportSize(size)
  })

  test('an app without a secret is registered with one word, and its test passes', async () => {
    await openPanel()
    const callback = await panel().getByLabel('Callback address', { exact: true }).inputValue()
    const { id } = await registerThere(callback, true)
    await page.bringToFront()
    await panel().getByLabel('Client ID', { exact: true }).fill(id)
    await panel().getByRole('button', { name: 'Register app' }).click()
    await panel().getByText('Copy the client secret from the page of the app.').waitFor()

    await panel().getByLabel(HAS_NO_SECRET).check()
    assert.equal(await panel().getByLabel('Client secret', { exact: true }).count(), 0)
    assert.equal(await panel().getByText('Sealed in this browser').count(), 0)
    await assertAccessible(page)
    await panel().getByRole('button', { name: 'Register app' }).click()
    await panel().getByText('None: this is a public client, known by its id alone.').waitFor()
    await panel().getByRole('button', { name: 'Test', exact: true }).click()
    await panel().getByText('Passed').waitFor()
  })

  test('it can be given a secret again', async () => {
    await panel().getByRole('button', { name: 'Replace id and secret' }).click()
    const box = panel().getByLabel(HAS_NO_SECRET)
    assert.ok(await box.isChecked())
    await box.uncheck()
    await panel().getByLabel('Client secret', { exact: true }).fill('another')
    await panel().getByRole('button', { name: 'Replace id and secret' }).click()
    await panel().getByText('Sealed. It is never shown again.').waitFor()
  })

  test('before an app is replaced by another one, or removed, the page says who uses it', async () => {
    const { admin, forge, provider } = countersign
    const { runtime } = await countersign.runtime('builder')
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    await admin.api.deleteClient({ params: { id: (await client()).id } })
    await registerClient(admin, { url: forge.url, token: await forge.token('alice', ['all']) }, row)
    const done = await authorizeWithOAuth(admin, row, ALICE)
    assert.equal(done.status, 'completed', done.problem?.detail)

    await openPanel()
    await panel().getByText('1 person on 1 runtime', { exact: true }).waitFor()
    await panel().getByRole('button', { name: 'Replace id and secret' }).click()
    const warning = panel().getByText('With another client ID, what people authorized ends.')
    const id = panel().getByLabel('Client ID', { exact: true })
    await id.waitFor()
    assert.equal(await warning.count(), 0)
    await id.fill('another-app')
    await warning.waitFor()
    await panel().getByText('Git actions of 1 person on 1 runtime will fail there').waitFor()
    await assertAccessible(page)
    await id.fill((await client()).client_id)
    await warning.waitFor({ state: 'hidden' })
    await panel().getByRole('button', { name: 'Cancel' }).click()

    await panel().getByRole('button', { name: 'Remove app' }).click()
    const question = page.getByRole('dialog', { name: 'Remove the app at Forge?' })
    await question.getByText('It is used by 1 person on 1 runtime.').waitFor()
    await question.getByRole('button', { name: 'Cancel' }).click()
    await question.waitFor({ state: 'hidden' })
  })

  test('a Git host that wants a secret of every app offers no such choice', async () => {
    const id = await hostOf('github', 'https://github.com')
    await page.goto(`${countersign.page_url}/admin/git-authentication/${id}`)
    await panel().getByLabel('Client secret', { exact: true }).waitFor()
    assert.equal(await panel().getByLabel(HAS_NO_SECRET).count(), 0)
  })

  test('who is to say yes reads what a scope is for, also where its name says nothing', async () => {
    const { admin } = countersign
    const provider_id = await hostOf('azure-devops', 'https://dev.azure.com')
    const { runtime } = await admin.api.createRuntime({
      body: { name: 'azure', provider_ids: [provider_id] },
    })
    const row = { runtime_id: runtime.id, provider_id }
    const { id } = await admin.api.getClientForm({ query: { provider_id } })
    const app = { client_id: 'an-app', public_client: true }
    await admin.api.putClient({ body: { id, provider_id, ...app } })
    await admin.api.updateRuntimeProvider({ params: row, body: { auth_mode: 'default_client' } })
    await page.goto(`${countersign.page_url}/tokens/${runtime.id}/${provider_id}`)
    for (const reason of [
      'for all that the app is permitted: profile, and code read and write',
      'to go on without asking the person again',
    ]) {
      await panel().getByText(reason).waitFor()
    }
    const scopes = ['offline_access', 'vso.build']
    await admin.api.updateRuntimeProvider({ params: row, body: { scopes } })
    await panel().getByText('chosen by an administrator').waitFor()
  })

  test('nothing went wrong on the way', () => {
    assert.deepEqual(profile.complaints, [])
  })
})
