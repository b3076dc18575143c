import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { registerApp } from '../harness/oauth.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'

const HOST = 'GitHub Enterprise of the Platform Engineering department in Rotterdam'
const RUNTIME = 'agents-of-the-platform-engineering-department-in-rotterdam-eu-1'
const PERSON = 'bartholomew.featherstonehaugh-cholmondeley.the.younger.of.delft'

/** The text that is cut off, or stands out at the side. */
const CUT = `[...document.querySelectorAll('body *')].flatMap((one) => {
  const style = getComputedStyle(one)
  const box = one.getBoundingClientRect()
  const isHidden = style.visibility === 'hidden' || box.width < 2 || one.closest('[aria-hidden]')
  if (isHidden || box.bottom < 0) return []
  const says = (one.selectedOptions?.[0] ?? one).textContent.trim()
  if (one.matches('select')) {
    const pen = document.createElement('canvas').getContext('2d')
    pen.font = style.font
    const room = box.width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)
    return pen.measureText(says).width > room ? [says] : []
  }
  const isText = [...one.childNodes].some(({ nodeType, data }) => nodeType === 3 && data.trim())
  if (!isText || one.matches('option')) return []
  const within = one.clientWidth === 0 || one.scrollWidth <= one.clientWidth + 1
  return !within || box.right > innerWidth + 1 || box.left < -1 ? [says] : []
})`

/** The words on buttons that are broken in two, or stand out of their button. */
const SQUEEZED = `[...document.querySelectorAll('.mantine-Button-label')].flatMap((label) => {
  const walker = document.createTreeWalker(label, NodeFilter.SHOW_TEXT)
  const button = label.closest('.mantine-Button-root').getBoundingClientRect()
  const found = []
  while (walker.nextNode()) {
    for (const { 0: word, index } of walker.currentNode.data.matchAll(/[^\\s-]+/g)) {
      const range = document.createRange()
      range.setStart(walker.currentNode, index)
      range.setEnd(walker.currentNode, index + word.length)
      const boxes = [...range.getClientRects()]
      const isIn = ({ top, bottom, left, right }) =>
        top >= button.top - 1 && bottom <= button.bottom + 1 && left >= button.left && right <= button.right
      if (boxes.length > 1 || !boxes.every(isIn)) found.push(word)
    }
  }
  return found
})`

suite('at 320 pixels, with long names', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let profile: Profile
  let page: Page
  let runtime_id: string

  before(async () => {
    countersign = resources.use(await startCountersign())
    const { admin, forge, provider, page_url } = countersign
    await admin.api.updateProvider({ params: { id: provider.id }, body: { name: HOST } })
    runtime_id = (await countersign.runtime(RUNTIME)).runtime.id
    await admin.addToken({ runtime_id, provider_id: provider.id }, await forge.token())
    const other = (await countersign.runtime('other')).runtime
    await admin.api.updateRuntimeProvider({
      params: { runtime_id: other.id, provider_id: provider.id },
      body: { auth_mode: 'custom_client', token_allowed: true },
    })
    await countersign.person(PERSON)
    const browser = resources.use(await launchChromium())
    profile = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie }))
    page = profile.page
    await page.setViewportSize({ width: 320, height: 640 })
  })
  after(() => resources.disposeAsync())

  async function assertWhole(path: string, shows: Locator, press?: string): Promise<void> {
    await page.goto(countersign.page_url + path)
    if (press !== undefined) await page.getByRole('button', { name: press }).first().click()
    await shows.waitFor()
    const overhang = await page.evaluate('document.scrollingElement.scrollWidth - innerWidth')
    assert.equal(overhang, 0, 'the page is too wide')
    assert.deepEqual(await page.evaluate(CUT), [])
  }

  const dialog = () => page.getByRole('dialog')
  const within = (name: string) => dialog().getByRole('button', { name })
  const panel = () => `/tokens/${runtime_id}/${countersign.provider.id}`
  const runtimePage = () => `/admin/runtimes/${runtime_id}`

  test('the tokens and their panels', async () => {
    await assertWhole('/tokens', page.locator('[data-status=valid]'))
    await assertWhole(panel(), within('Update Token'))
    await assertWhole('/tokens', within('Delete'), 'Delete token of')
  })

  test('runtimes, and how people authorize them', async () => {
    await assertWhole('/admin/runtimes', page.getByText('Never seen').first())
    await assertWhole(runtimePage(), page.getByRole('combobox'))
    await assertWhole(`${runtimePage()}/git/${countersign.provider.id}`, within('Save'))
    await assertWhole(runtimePage(), within('Remove runtime'), 'Remove runtime')
  })

  test('Git hosts and their apps', async () => {
    const { admin, forge, provider } = countersign
    const app = `/admin/git-authentication/${provider.id}`
    await assertWhole('/admin/providers', page.getByText('write:repository').first())
    await assertWhole(app, within('Register app'))
    await registerApp(
      admin,
      { url: forge.url, token: await forge.token('alice', ['all']) },
      { provider_id: provider.id },
    )
    await assertWhole('/admin/git-authentication', page.getByRole('link', { name: 'Manage app' }))
    await assertWhole(app, within('Test'))
    await assertWhole(app, within('Cancel'), 'Remove app')
  })

  test('a search for one long word that nothing has', async () => {
    await assertWhole(`/tokens?q=${'x'.repeat(64)}`, page.getByText('Nothing matches'))
  })

  test('people and the account', async () => {
    await assertWhole('/admin/people', page.getByRole('combobox').first())
    await assertWhole('/admin/people', within('Remove person'), `Remove ${PERSON}`)
    await assertWhole('/account', within('Sign out everywhere'), 'Sign out everywhere')
  })

  test('the chosen colours are marked where they stand', async () => {
    await assertWhole(
      '/account',
      page.getByRole('button', { name: 'Sign out', exact: true }),
      'Account of',
    )
    const [mark, label] = await Promise.all(
      ['indicator', 'label[data-active]'].map((part) =>
        page.locator(`.mantine-SegmentedControl-${part}`).boundingBox(),
      ),
    )
    assert.ok(mark && label)
    assert.ok(Math.abs(mark.x - label.x) < 2 && Math.abs(mark.y - label.y) < 2)
  })

  test('with text twice as large, the words on buttons are whole on a phone', async () => {
    const { admin, forge, provider } = countersign
    const { runtime } = await countersign.runtime('soon')
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    const expires_at = new Date(Date.now() + 3 * 86_400_000).toISOString()
    await admin.addToken(row, await forge.token(), { expires_at })
    await page.setViewportSize({ width: 390, height: 844 })
    const attention = page.getByRole('link', { name: `Update Token: soon at ${HOST}` })
    const keys = page.getByRole('button', { name: /^Revoke key/ })
    const app = page.getByRole('link', { name: 'Manage app' })
    for (const [path, shows] of [
      ['/tokens', attention],
      [`${runtimePage()}`, keys],
      ['/admin/git-authentication', app],
      ['/admin/people', page.getByRole('combobox').first()],
    ] as const) {
      await page.goto(countersign.page_url + path)
      await shows.waitFor()
      await page.evaluate("document.documentElement.style.fontSize = '200%'")
      assert.deepEqual(await page.evaluate(SQUEEZED), [], path)
      const overhang = await page.evaluate('document.scrollingElement.scrollWidth - innerWidth')
      assert.equal(overhang, 0, path)
    }
  })

  test('with text twice as large, no page is too wide for 1280 pixels', async () => {
    await page.setViewportSize({ width: 1280, height: 800 })
    for (const path of ['/tokens', '/admin/runtimes', '/admin/people', '/account']) {
      await page.goto(countersign.page_url + path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page.evaluate("document.documentElement.style.fontSize = '200%'")
      const overhang = await page.evaluate('document.scrollingElement.scrollWidth - innerWidth')
      assert.equal(overhang, 0, path)
    }
  })

  test('and none of it was a fault of the page', () => {
    assert.deepEqual(profile.complaints, [])
  })
})
