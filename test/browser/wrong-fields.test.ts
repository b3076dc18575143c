import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'

suite('who fills in a form by keyboard', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let ada: Profile

  before(async () => {
    countersign = resources.use(await startCountersign())
    const browser = resources.use(await launchChromium())
    const { admin, page_url } = countersign
    ada = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie }))
  })
  after(() => resources.disposeAsync())

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
})
