import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { type Forge, startForge } from '../harness/forge.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'

suite('editing a Git host', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let other: Forge
  let browser: Browser
  let profile: Profile
  let page: Page

  before(async () => {
    countersign = resources.use(await startCountersign())
    other = resources.use(await startForge())
    browser = resources.use(await launchChromium())
    const { page_url, admin } = countersign
    profile = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie }))
    page = profile.page
  })
  after(() => resources.disposeAsync())

  const panel = () => page.getByRole('dialog', { name: 'Edit Git host' })
  const edit = (name: string) => page.getByRole('link', { name: `Edit ${name}` })
  const save = () => panel().getByRole('button', { name: 'Save' }).click()
  const row = (name: string) => page.getByRole('row').filter({ hasText: name })

  test('a mistyped address is corrected, and asked about where it is private', async () => {
    await page.goto(`${countersign.page_url}/admin/providers`)
    await edit('Forge').click()
    await panel().getByLabel('Name').waitFor()
    await assertAccessible(page)
    await panel().getByLabel('Name').fill('Company Git')
    await panel().getByLabel('Address').fill(other.url)
    await save()
    const confirm = panel().getByLabel('This address is inside our network, and I mean it')
    await confirm.check()
    await save()
    await panel().waitFor({ state: 'hidden' })
    await row('Company Git').getByText(new URL(other.url).host).waitFor()
    await page.waitForURL(`${countersign.page_url}/admin/providers`)
    await edit('Company Git').and(page.locator(':focus')).waitFor()
  })

  test('where tokens were given to it, the address stays, and the page says why', async () => {
    const { runtime } = await countersign.runtime('builder')
    const place = { runtime_id: runtime.id, provider_id: countersign.provider.id }
    await countersign.admin.addToken(place, await other.token())
    await edit('Company Git').click()
    await panel().getByLabel('Address').fill(countersign.forge.url)
    await save()
    await panel().getByText('Register the other address as a Git host of its own').waitFor()
    await assertAccessible(page)
    await panel().getByLabel('Address').fill(other.url)
    await panel().getByLabel('Name').fill('Git')
    await save()
    await panel().waitFor({ state: 'hidden' })
    await row('Git').getByText(new URL(other.url).host).waitFor()
  })

  test('another tenant warns of what the one before granted', async () => {
    const { id } = await countersign.database.db
      .insertInto('providers')
      .values({
        kind: 'azure-devops',
        name: 'Azure',
        base_url: 'https://dev.azure.com/contoso',
        origin: 'https://dev.azure.com',
        private_address_confirmed: false,
        tenant: 'contso.onmicrosoft.com',
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    await page.goto(`${countersign.page_url}/admin/providers/${id}/edit`)
    const words = panel().getByText('Another tenant may not refresh what the one before granted.')
    const tenant = panel().getByLabel('Microsoft Entra tenant (optional)')
    await tenant.waitFor()
    assert.equal(await words.count(), 0)
    await tenant.fill('contoso.onmicrosoft.com')
    await words.waitFor()
    await assertAccessible(page)
    await save()
    await panel().waitFor({ state: 'hidden' })
    const { items } = await countersign.admin.api.listProviders({ query: { q: 'Azure' } })
    assert.equal(items[0]?.tenant, 'contoso.onmicrosoft.com')
  })

  test('one of very many is found by its address', async () => {
    const { db } = countersign.database
    const rows = Array.from({ length: 101 }, (_, index) => ({
      kind: 'gitea' as const,
      name: `A${index}`,
      base_url: `https://git${index}.example.com`,
      origin: `https://git${index}.example.com`,
      private_address_confirmed: false,
    }))
    await db.insertInto('providers').values(rows).execute()
    const { id } = countersign.provider
    await page.goto(`${countersign.page_url}/admin/providers/${id}/edit`)
    await panel().getByLabel('Name').waitFor()
    assert.equal(await panel().getByLabel('Name').inputValue(), 'Git')
    await page.goto(`${countersign.page_url}/admin/git-authentication/${id}`)
    await page.getByRole('dialog', { name: 'Register app at Git' }).waitFor()
    await page.goto(`${countersign.page_url}/admin/providers/${crypto.randomUUID()}/edit`)
    await panel().getByText('This Git host is not, or no longer, registered.').waitFor()
    await panel().getByRole('button', { name: 'Back to the Git hosts' }).click()
    await panel().waitFor({ state: 'hidden' })
  })

  test('the last of very many can be given to a runtime, and taken back', async () => {
    await page.goto(`${countersign.page_url}/admin/runtimes/new`)
    const register = page.getByRole('dialog', { name: 'Register runtime' })
    await register.getByLabel('Name').fill('far')
    await register.getByRole('checkbox', { name: 'Git', exact: true }).check()
    await assertAccessible(page)
    await register.getByRole('button', { name: 'Register runtime' }).click()
    await page.getByRole('button', { name: 'I have stored the key' }).click()
    await page.getByRole('link', { name: 'Edit runtime' }).click()
    const change = page.getByRole('dialog', { name: 'Edit runtime' })
    await change.getByRole('checkbox', { name: 'Git', exact: true }).uncheck()
    await change.getByRole('button', { name: 'Save' }).click()
    await change.waitFor({ state: 'hidden' })
    const { items } = await countersign.admin.api.listRuntimes({ query: { q: 'far' } })
    assert.deepEqual(items[0]?.providers, [])
  })

  test('where they are listed whole, A2 comes before A11', async () => {
    await page.goto(`${countersign.page_url}/admin/runtimes/new`)
    const register = page.getByRole('dialog', { name: 'Register runtime' })
    await register.getByLabel('Name').fill('orderly')
    const choices = register.getByRole('checkbox')
    await choices.first().waitFor()
    const names = await register.locator('.mantine-Checkbox-label').allInnerTexts()
    assert.deepEqual(names.slice(0, 4), ['A0', 'A1', 'A2', 'A3'])
    for (const name of ['A11', 'A2']) {
      await register.getByRole('checkbox', { name, exact: true }).check()
    }
    await register.getByRole('button', { name: 'Register runtime' }).click()
    await page.getByRole('button', { name: 'I have stored the key' }).click()
    for (const name of ['How people authorize orderly', 'Own tokens of orderly']) {
      const rows = page.getByRole('table', { name }).getByRole('rowheader')
      await rows.first().waitFor()
      assert.deepEqual(
        (await rows.allInnerTexts()).map((text) => text.split('\n')[0]),
        ['A2', 'A11'],
      )
    }
    await page.goto(`${countersign.page_url}/admin/runtimes?q=orderly`)
    await page.getByRole('cell', { name: 'A2, A11' }).waitFor()
  })

  test('nothing went wrong on the way', () => {
    assert.deepEqual(profile.complaints, [])
  })
})
