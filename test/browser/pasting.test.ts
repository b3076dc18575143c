import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { until } from '../harness/until.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'

suite('what is pasted as a token', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  const sent: string[] = []
  let countersign: Countersign
  let profile: Profile
  let page: Page
  before(async () => {
    countersign = resources.use(await startCountersign())
    const browser = resources.use(await launchChromium())
    const { admin, page_url, provider } = countersign
    const { runtime } = await countersign.runtime('ci')
    profile = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie }))
    await profile.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    page = profile.page
    page.on('request', (request) => {
      if (request.method() === 'POST') sent.push(request.url())
    })
    await page.goto(`${page_url}/tokens/${runtime.id}/${provider.id}`)
    await field().waitFor()
  })
  after(() => resources.disposeAsync())

  const panel = () => page.getByRole('dialog', { name: 'Add Token' })
  const field = () => panel().getByLabel('Token', { exact: true })
  const submit = () => panel().getByRole('button', { name: 'Add Token' }).click()
  const fault = () => panel().getByRole('alert').filter({ hasText: /\S/ })

  /** Pastes over whatever stands in the field, as keys do it. */
  async function paste(text: string): Promise<void> {
    await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(text)})`)
    await field().focus()
    await page.keyboard.press('ControlOrMeta+A')
    await page.keyboard.press('Delete')
    if (text !== '') await page.keyboard.press('ControlOrMeta+V')
  }

  test('a click beside the panel closes it, but not once something was typed', async () => {
    const beside = () => page.mouse.click(20, 300)
    await beside()
    await panel().waitFor({ state: 'hidden' })
    await page.getByRole('link', { name: 'Add Token of ci at Forge' }).click()
    await field().fill('half of a tok')
    await beside()
    await page.getByRole('button', { name: 'Show token' }).focus()
    assert.equal(await field().inputValue(), 'half of a tok')
    await panel().getByRole('button', { name: 'Cancel' }).click()
    await panel().waitFor({ state: 'hidden' })
    await page.getByRole('link', { name: 'Add Token of ci at Forge' }).click()
    await field().waitFor()
  })

  const bad: [string, string, RegExp][] = [
    ['nothing', '', /The token is empty\. Paste the token that Forge made/],
    ['blanks', ' \t ', /The token is empty\. Paste the token that Forge made/],
    ['empty quotes', '""', /The token is empty\. Paste the token that Forge made/],
    ['a token of GitHub', `ghp_${'a1B2'.repeat(9)}`, /token of GitHub\. Make one at Forge/],
    ['a token of GitLab', `glpat-${'a1B2'.repeat(5)}`, /token of GitLab\. Make one at Forge/],
    ['a runtime key', `csr_${'a1B2'.repeat(9)}`, /Countersign \(a runtime key\)/],
    ['a password of several words', 'correct horse battery', /Passwords are not taken here/],
    ['two lines', 'a1B2\r\nc3D4', /several words, as a password or a sentence may be/],
    ['a picture', 'a1B2\u{1f600}', /characters that no token has\. Copy it again/],
    ['64 KiB', 'garbage!'.repeat(8192), /65,536 characters, and tokens have at most 8,192/],
  ]
  for (const [name, text, says] of bad) {
    test(`${name} does not leave the browser`, async () => {
      await paste(text)
      await submit()
      await fault().waitFor()
      assert.match(await fault().innerText(), says)
      await field().and(page.locator(':focus')).waitFor()
      assert.deepEqual(sent, [])
    })
  }

  test('and its sentence is there for everybody', () => assertAccessible(page))

  const SPACES = 'Spaces or line breaks around the token were removed.'
  const QUOTES = 'Quotes around the token were removed.'
  const around: [string, (token: string) => string, string][] = [
    ['spaces', (token) => `  ${token}\t`, SPACES],
    ['line breaks', (token) => `\r\n${token}\n\n`, SPACES],
    ['double quotes', (token) => `"${token}"`, QUOTES],
    ['single quotes, then a line break', (token) => `' ${token} '\n`, `${SPACES} ${QUOTES}`],
    ['nothing', (token) => token, ''],
  ]
  for (const [name, dress, note] of around) {
    test(`${name} around a token: taken away, and told`, async () => {
      await paste(dress('0123456789abcdef'))
      await until('what is left', async () => (await field().inputValue()) === '0123456789abcdef')
      assert.equal(await page.getByText(SPACES).count(), note.includes(SPACES) ? 1 : 0)
      assert.equal(await page.getByText(QUOTES).count(), note.includes(QUOTES) ? 1 : 0)
      assert.equal(await fault().count(), 0)
    })
  }

  test('and the token that is left is taken', async () => {
    await paste(`\n"${await countersign.forge.token()}" `)
    await submit()
    const said = page.getByRole('alert').filter({ hasText: 'Token added' })
    await said.getByText(`${SPACES} ${QUOTES}`).waitFor()
    assert.equal(sent.length, 1)
    assert.deepEqual(profile.complaints, [])
  })
})
