import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { startForge } from '../harness/forge.ts'
import { launchChromium, noChromium, openProfile } from './chromium.ts'

suite('a runtime that two administrators edit', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let page: Page
  let id: string
  let hosts: string[]

  before(async () => {
    countersign = resources.use(await startCountersign())
    const { admin, provider, page_url } = countersign
    const other = resources.use(await startForge())
    const second = await admin.api.createProvider({
      body: {
        kind: 'gitea',
        name: 'Other forge',
        base_url: other.url,
        private_address_confirmed: true,
      },
    })
    hosts = [provider.id, second.id]
    id = (await countersign.runtime('ci')).runtime.id
    const browser = resources.use(await launchChromium())
    page = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie })).page
  })
  after(() => resources.disposeAsync())

  const edit = () => page.goto(`${countersign.page_url}/admin/runtimes/${id}/edit`)

  async function save() {
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
  }

  test('keeps a Git host that was added meanwhile', async () => {
    const { api } = countersign.admin
    await edit()
    await page.getByLabel('Description').fill('Builds')
    await api.updateRuntime({ params: { id }, body: { provider_ids: hosts } })
    await save()
    const { description, providers } = await api.getRuntime({ params: { id } })
    assert.equal(description, 'Builds')
    assert.equal(providers.length, 2)
  })

  test('keeps a description that was changed meanwhile', async () => {
    const { api } = countersign.admin
    await edit()
    await page.getByRole('checkbox', { name: 'Other forge' }).uncheck()
    await api.updateRuntime({ params: { id }, body: { description: 'Builds and tests' } })
    await save()
    const { description, providers } = await api.getRuntime({ params: { id } })
    assert.equal(description, 'Builds and tests')
    assert.equal(providers.length, 1)
  })
})
