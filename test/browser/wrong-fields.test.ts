import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Locator } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'

suite('who fills in a form by keyboard', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let ada: Profile
  let nobody: Profile

  before(async () => {
    countersign = resources.use(await startCountersign())
    const browser = resources.use(await launchChromium())
    const { admin, page_url } = countersign
    ada = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie }))
    nobody = resources.use(await openProfile(browser, page_url))
  })
  after(() => resources.disposeAsync())

  /** Presses the button and waits until the field says what is wrong, and has the focus. */
  async function isLedTo(field: Locator, button: Locator): Promise<void> {
    await button.press('Enter')
    await field.and(field.page().locator('[aria-invalid=true]:focus')).waitFor()
  }

  const forms: [string, string, string, string][] = [
    ['registers a runtime', '/admin/runtimes/new', 'Name', 'Register runtime'],
    ['adds a Git host', '/admin/providers/new', 'Name', 'Add Git host'],
    ['changes a password', '/account', 'Current password', 'Change password'],
  ]
  for (const [does, path, label, submit] of forms) {
    test(`and ${does} is led to the field that is wrong`, async () => {
      const { page } = ada
      await page.goto(countersign.page_url + path)
      await isLedTo(
        page.getByRole('textbox', { name: label }).or(page.getByLabel(label, { exact: true })),
        page.getByRole('button', { name: submit }),
      )
    })
  }

  test('and is told by the server what is wrong is led to that field', async () => {
    const { page } = ada
    await page.goto(`${countersign.page_url}/account`)
    const current = page.getByRole('textbox', { name: 'Current password' })
    await current.fill('not what it is')
    await page.getByRole('textbox', { name: 'New password' }).fill('another few words')
    await isLedTo(current, page.getByRole('button', { name: 'Change password' }))
  })

  test('and signs in, or joins, is led to the field that is wrong', async () => {
    const { page } = nobody
    const { admin, page_url } = countersign
    await page.goto(`${page_url}/sign-in`)
    await isLedTo(page.getByLabel('E-mail'), page.getByRole('button', { name: 'Sign in' }))
    const { url } = await admin.api.createInvite({ body: { role: 'member' } })
    await page.goto(url)
    await isLedTo(page.getByLabel('Name'), page.getByRole('button', { name: 'Join' }))
  })

  test('and the day on which a token ends is told when that is no day, or over', async () => {
    const { page } = ada
    const { forge, page_url, provider } = countersign
    const { runtime } = await countersign.runtime('ci')
    await page.goto(`${page_url}/tokens/${runtime.id}/${provider.id}`)
    await page.getByLabel('Token', { exact: true }).fill(await forge.token())
    const day = page.getByLabel('Ends on (optional)')
    const submit = page.getByRole('button', { name: 'Add Token', exact: true })
    // As Chromium takes it in English: month, day, year.
    for (const [typed, says] of [
      ['0230', 'Fill in day, month and year'],
      ['01012020', 'This day is over.'],
    ] as const) {
      await day.fill('')
      await day.focus()
      await page.keyboard.type(typed)
      await submit.press('Enter')
      await page.getByText(says).waitFor()
      await day.and(page.locator(':focus')).waitFor()
    }
    // A year of six digits is not taken.
    await day.fill('')
    await day.focus()
    await page.keyboard.type('0101202667')
    assert.match(await day.inputValue(), /^\d{4}-/)
    await day.fill('2031-01-01')
    await submit.press('Enter')
    await page.locator('[data-status=valid]').waitFor()
    assert.deepEqual(ada.complaints, [])
  })

  test('and revokes a key goes on where the next one is made', async () => {
    const { page } = ada
    const { runtime } = await countersign.runtime('keys')
    await countersign.admin.api.createRuntimeKey({ params: { id: runtime.id } })
    await page.goto(`${countersign.page_url}/admin/runtimes/${runtime.id}`)
    await page.getByRole('button', { name: 'Revoke key' }).first().press('Enter')
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).press('Enter')
    await page.locator('#rotate-key:focus').waitFor()
  })
})
