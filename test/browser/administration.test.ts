import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { callbackPath } from '../../src/contract/index.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import { type Forge, startForge } from '../harness/forge.ts'
import { ALICE } from '../harness/granted.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'
import { signInAs } from './forge-pages.ts'

suite('what administrators set up, in a browser', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let other: Forge
  let profile: Profile
  let page: Page
  let row: { runtime_id: string; provider_id: string }

  before(async () => {
    countersign = resources.use(await startCountersign())
    other = resources.use(await startForge())
    const browser = resources.use(await launchChromium())
    const { admin, page_url, provider, forge } = countersign
    const { runtime } = await countersign.runtime('ci')
    row = { runtime_id: runtime.id, provider_id: provider.id }
    const others = [forge.url]
    profile = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie, others }))
    page = profile.page
  })
  after(() => resources.disposeAsync())

  const url = (path: string) => countersign.page_url + path
  const dialog = (title: string) => page.getByRole('dialog', { name: title })
  const notice = (title: string) => page.getByRole('alert').filter({ hasText: title })
  const settings = () => dialog('Git authentication')
  const stored = async () => {
    const params = { id: row.runtime_id }
    const { items } = await countersign.admin.api.listRuntimeProviders({ params })
    return items[0]
  }

  suite('how people authorize a runtime', () => {
    const open = () => page.goto(url(`/admin/runtimes/${row.runtime_id}/git/${row.provider_id}`))

    test('a panel with faults says each at its field and saves nothing', async () => {
      const before = await stored()
      await open()
      await settings().getByRole('radio', { name: 'Default app' }).check()
      await settings().getByRole('radio', { name: "This runtime's own list" }).check()
      await settings()
        .getByRole('radio', { name: /^For some days/ })
        .check()
      await settings().getByLabel('Days an authorization lives').fill('0')
      await settings().getByLabel('Warn people').fill('91')
      await settings().getByLabel('Try tokens on a repository').fill('not a repository')
      await settings().getByRole('button', { name: 'Save' }).click()
      await settings().getByText('Name at least one scope.').waitFor()
      await settings().getByText('Type a number of days, from 1 to 3650.').waitFor()
      await settings().getByText('Type a number of days, from 0 to 90.').waitFor()
      await settings().getByText('Write it as acme/app').waitFor()
      const first = settings().getByLabel('Own list of scopes')
      await first.and(page.locator(':focus')).waitFor()
      await assertAccessible(page)
      assert.deepEqual(await stored(), before)
    })

    test('scopes, age, repository and exceptions are saved, and stand in the row', async () => {
      await settings().getByLabel('Own list of scopes').fill('read:user, write:repository')
      await settings().getByLabel('Days an authorization lives').fill('30')
      await settings().getByLabel('Warn people').fill('3')
      await settings()
        .getByLabel('Try tokens on a repository')
        .fill(`${countersign.forge.url}/alice/hello.git`)
      await settings().getByLabel('Tokens may be pasted too').check()
      await settings().getByLabel('Accept tokens that cannot be inspected').check()
      await settings().getByRole('button', { name: 'Save' }).click()
      await notice('Saved').waitFor()
      await settings().waitFor({ state: 'hidden' })
      const { provider: _, client_registered, ...saved } = (await stored()) ?? assert.fail()
      assert.equal(client_registered, false)
      assert.deepEqual(saved, {
        auth_mode: 'default_client',
        token_allowed: true,
        skip_validation: true,
        scopes: ['read:user', 'write:repository'],
        max_age_days: 30,
        warning_days: 3,
        probe_repository: 'alice/hello',
      })
      await page
        .getByText(
          '2 own scopes, ends after 30 days, tokens too, tried on alice/hello, unverified tokens too',
        )
        .waitFor()
    })

    test('and the panel shows them again, to take them back', async () => {
      await open()
      const repository = settings().getByLabel('Try tokens on a repository')
      await repository.waitFor()
      assert.equal(await repository.inputValue(), 'alice/hello')
      await repository.fill('')
      await settings().getByRole('radio', { name: 'The usual ones for Forge' }).check()
      await settings().getByRole('radio', { name: 'Without limit' }).check()
      await settings().getByLabel('Accept tokens that cannot be inspected').uncheck()
      await settings().getByRole('button', { name: 'Save' }).click()
      await settings().waitFor({ state: 'hidden' })
      const { scopes, max_age_days, probe_repository, skip_validation } =
        (await stored()) ?? assert.fail()
      assert.deepEqual(
        [scopes, max_age_days, probe_repository, skip_validation],
        [null, null, null, false],
      )
    })
  })

  suite("a runtime's own app", () => {
    const callback = () => url(callbackPath(row.provider_id))
    const clients = async () => (await countersign.admin.api.listClients({ query: {} })).items

    async function makeApp(): Promise<{ client_id: string; client_secret: string }> {
      const { forge } = countersign
      const response = await fetch(`${forge.url}/api/v1/user/applications/oauth2`, {
        method: 'POST',
        headers: {
          authorization: `token ${await forge.token('alice', ['all'])}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({
          name: 'own',
          confidential_client: true,
          redirect_uris: [callback()],
        }),
      })
      return (await response.json()) as { client_id: string; client_secret: string }
    }

    async function enter({ client_id, client_secret }: Awaited<ReturnType<typeof makeApp>>) {
      await page.getByRole('dialog').getByLabel('Client ID', { exact: true }).fill(client_id)
      await page
        .getByRole('dialog')
        .getByRole('textbox', { name: 'Client secret' })
        .fill(client_secret)
    }

    test('is registered where it is chosen, and people authorize with it', async () => {
      await page.goto(url(`/admin/runtimes/${row.runtime_id}`))
      const mode = page.getByLabel('How people authorize ci at Forge')
      await mode.selectOption("This runtime's own app")
      await page
        .getByRole('link', { name: 'Register app at Forge' })
        .and(page.locator('[href$="/app"]'))
        .click()
      const panel = dialog('Register app at Forge')
      await panel.getByText('Only people who authorize runtime ci use this app.').waitFor()
      const address = panel.getByLabel('Callback address', { exact: true })
      assert.equal(await address.inputValue(), callback())
      const app = await makeApp()
      await enter(app)
      await panel.getByRole('button', { name: 'Register app' }).click()
      await notice('App registered').waitFor()
      await dialog('App at Forge').locator('h2:focus').waitFor()
      await dialog('App at Forge').getByRole('button', { name: 'Test', exact: true }).click()
      await dialog('App at Forge').getByText('Passed').waitFor()
      await assertAccessible(page)
      const [client] = await clients()
      assert.equal(client?.runtime?.id, row.runtime_id)
      assert.equal(client?.client_id, app.client_id)

      await page.goto(url(`/tokens/${row.runtime_id}/${row.provider_id}`))
      const authorize = dialog('Add Token').getByRole('button', {
        name: 'Authorize access to Forge',
      })
      await authorize.click()
      await page.waitForURL(`${countersign.forge.url}/**`)
      await signInAs(page, ALICE)
      await page.getByRole('button', { name: 'Authorize', exact: true }).click()
      await notice('ci now acts at Forge as you').waitFor()
    })

    test('is replaced, and what was tested of the old one is not said of the new one', async () => {
      await page.goto(url(`/admin/runtimes/${row.runtime_id}`))
      await page.getByRole('link', { name: 'Manage app at Forge' }).click()
      await dialog('App at Forge').getByRole('button', { name: 'Replace id and secret' }).click()
      await dialog('App at Forge').getByText('With another secret of the same app').waitFor()
      await assertAccessible(page)
      const app = await makeApp()
      await enter(app)
      await dialog('App at Forge').getByText('Git actions of 1 person on 1 runtime').waitFor()
      await dialog('App at Forge').getByRole('button', { name: 'Replace id and secret' }).click()
      await notice('App replaced').waitFor()
      await dialog('App at Forge').getByText('Not tested yet').waitFor()
      assert.equal((await clients())[0]?.client_id, app.client_id)
    })

    test('is removed, after saying by name what stops working', async () => {
      await dialog('App at Forge').getByRole('button', { name: 'Remove app' }).click()
      const question = dialog('Remove the app at Forge?')
      const words = (await question.innerText()).replaceAll(/\s+/g, ' ')
      assert.match(words, /What people authorized for runtime ci with it stops working: pushes/)
      await assertAccessible(page)
      await question.getByRole('button', { name: 'Remove app' }).click()
      await notice('Removed').waitFor()
      assert.deepEqual(await clients(), [])
      const { authorization } = await countersign.admin.access(row.runtime_id)
      assert.equal(authorization?.connection.status, 'reauthorization_required')
    })
  })

  suite('a Git host inside the own network', () => {
    const panel = () => dialog('Add Git host')
    const confirmation = () => panel().getByLabel('This address is inside our network, and I mean')

    test('is asked about once more, for this address only', async () => {
      await page.goto(url('/admin/providers/new'))
      await panel().getByLabel('Name', { exact: true }).fill('Inside')
      await panel().getByLabel('Address', { exact: true }).fill(other.url)
      assert.equal(await confirmation().count(), 0)
      await panel().getByRole('button', { name: 'Add Git host' }).click()
      await confirmation().waitFor()
      await panel()
        .getByText(/inside a private network/)
        .first()
        .waitFor()
      await assertAccessible(page)
      await confirmation().check()
      await panel().getByLabel('Address', { exact: true }).fill(`${other.url}/`)
      await confirmation().waitFor({ state: 'detached' })
      await panel().getByRole('button', { name: 'Add Git host' }).click()
      await confirmation().waitFor()
      assert.equal(await confirmation().isChecked(), false)
      await confirmation().check()
      await panel().getByRole('button', { name: 'Add Git host' }).click()
      await notice('Git host added').waitFor()
      await panel().waitFor({ state: 'hidden' })
      await page.getByRole('row').filter({ hasText: 'Inside' }).getByText('confirmed').waitFor()
    })

    test('and is removed, where no runtime uses it', async () => {
      await page.getByRole('button', { name: 'Remove Inside' }).click()
      const question = dialog('Remove Inside?')
      await question.getByText('nothing stops working').waitFor()
      await assertAccessible(page)
      await question.getByRole('button', { name: 'Remove Git host' }).click()
      await notice('Inside is no longer a Git host.').waitFor()
      await page.getByRole('row').filter({ hasText: 'Inside' }).waitFor({ state: 'detached' })
    })
  })

  test('an agent that gives a sign of life is seen at once, with its version', async () => {
    const { runtime, key } = await countersign.runtime('agent-s')
    await page.goto(url(`/admin/runtimes/${runtime.id}`))
    const section = page.getByRole('region', { name: 'Agent', exact: true })
    await section.getByText('Never seen').waitFor()
    const vault = runtimeClient(countersign.vault_url, key)
    await vault.getRuntimeView({ query: { agent: '1.2.3' } })
    await section.getByText('Version 1.2.3').waitFor()
    await section.getByText('Seen just now').waitFor()
    await page.goto(url('/admin/runtimes'))
    const listed = page.getByRole('row').filter({ hasText: 'agent-s' })
    await listed.getByText('Version 1.2.3').waitFor()
  })

  suite('a key', () => {
    test('that is rotated is shown once, and the old one is revoked after a question', async () => {
      await page.goto(url(`/admin/runtimes/${row.runtime_id}`))
      await page.getByRole('button', { name: 'Rotate key' }).click()
      const shown = dialog('Key of runtime ci')
      await shown.getByText('The old key works for one more day.').waitFor()
      const key = await shown.getByLabel('Runtime key', { exact: true }).inputValue()
      await shown.getByRole('button', { name: 'I have stored the key' }).click()
      const old = page.getByRole('listitem').filter({ hasText: 'Stops working' })
      await old.getByRole('button', { name: /^Revoke key/ }).click()
      const question = page.getByRole('dialog', { name: /^Revoke the key ending in/ })
      await question.getByText('gets no more credentials').waitFor()
      await question.getByRole('button', { name: 'Revoke', exact: true }).click()
      await old.waitFor({ state: 'detached' })
      const { keys } = await countersign.admin.api.getRuntime({ params: { id: row.runtime_id } })
      assert.deepEqual(
        keys.map(({ hint }) => key.endsWith(hint)),
        [true],
      )
    })
  })

  test('signing out everywhere ends this session too, after a question', async () => {
    await page.goto(url('/account'))
    await page.getByRole('button', { name: 'Sign out everywhere' }).click()
    const question = dialog('Sign out everywhere?')
    await question.getByRole('button', { name: 'Sign out everywhere' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.goto(url('/tokens'))
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  })

  test('nothing went wrong on the way', () => {
    assert.deepEqual(profile.complaints, [])
  })
})
