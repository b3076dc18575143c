import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { PASSWORD } from '../harness/person.ts'
import { until } from '../harness/until.ts'
import { noChromium, openProfile } from './chromium.ts'
import { type Populated, startPopulated } from './populated.ts'

const ADMIN_PAGES = ['Runtimes', 'Git hosts', 'Git Authentication', 'People', 'Activity']

suite('getting around', { skip: noChromium }, () => {
  let populated: Populated
  let page: Page
  let url: (path: string) => string
  before(async () => {
    populated = await startPopulated()
    page = populated.ada.page
    url = (path) => populated.countersign.page_url + path
  })
  after(() => populated[Symbol.asyncDispose]())

  const add = (on = page) => on.getByRole('link', { name: 'Add Token of waiting at Forge' })
  const panel = () => page.getByRole('dialog', { name: 'Add Token' })
  const focused = () => page.locator(':focus')
  const hasFocus = () => panel().evaluate(isFocusWithin)
  /** The focus moves a moment after what is opened or closed. */
  const getsFocus = (what: Locator) => what.and(page.locator(':focus-within')).waitFor()
  const links = (on: Page) =>
    on.getByRole('navigation', { name: 'Pages' }).getByRole('link').allInnerTexts()

  async function tokens(): Promise<void> {
    await page.goto('about:blank')
    await page.goto(url('/tokens'))
    await add().waitFor()
  }

  async function tabTo(name: string): Promise<void> {
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab')
      if ((await focused().getAttribute('aria-label')) === name) return
    }
    assert.fail(`Tab does not get to ${name}`)
  }

  test('the first Tab offers to skip the navigation', async () => {
    await tokens()
    await page.keyboard.press('Tab')
    assert.equal(await focused().innerText(), 'Skip to content')
    assert.ok(await focused().isVisible())
    await page.keyboard.press('Enter')
    await getsFocus(page.locator('#main'))
  })

  test('with keys alone: to Add Token, in, around, and back out', async () => {
    await tokens()
    await tabTo('Add Token of waiting at Forge')
    await page.keyboard.press('Enter')
    await panel().getByRole('button', { name: 'Use this token' }).waitFor()
    await getsFocus(panel())
    for (let presses = 0; presses < 12; presses += 1) {
      await page.keyboard.press('Tab')
      assert.ok(await hasFocus(), `Tab ${presses + 1} left the panel`)
    }
    await page.keyboard.press('Escape')
    await panel().waitFor({ state: 'hidden' })
    await page.waitForURL(url('/tokens'))
    await getsFocus(add())
  })

  test('arrow keys choose a token, and the focus stays on what is chosen', async () => {
    await tokens()
    await tabTo('Add Token of waiting at Forge')
    await page.keyboard.press('Enter')
    await panel().getByRole('button', { name: 'Use this token' }).waitFor()
    await getsFocus(panel())
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    assert.match((await focused().getAttribute('aria-label')) ?? '', /^Use the token /)
    await page.keyboard.press('ArrowUp')
    await panel().getByRole('button', { name: 'Add Token' }).waitFor()
    assert.equal(await focused().getAttribute('aria-label'), 'Paste a new token')
    await page.keyboard.press('Tab')
    assert.match(await focused().innerText(), /^Make a token at Forge/)
    await page.keyboard.press('Escape')
    await panel().waitFor({ state: 'hidden' })
  })

  test('a panel that is opened by its address starts at its title, one to fill in at its first field', async () => {
    const { runtimes, countersign } = populated
    const provider_id = countersign.provider.id
    for (const [path, title] of [
      [runtimes.waiting.panel, 'Add Token'],
      [`${runtimes.ci.page}/edit`, 'Edit runtime'],
      [`${runtimes.ci.page}/git/${provider_id}`, 'Git authentication'],
      [`/admin/providers/${provider_id}/edit`, 'Edit Git host'],
    ]) {
      await page.goto(url(path ?? ''))
      await focused()
        .and(page.getByRole('heading', { name: title ?? '' }))
        .waitFor()
    }
    for (const [path, field] of [
      ['/admin/runtimes/new', 'Name'],
      ['/admin/people/invite', 'Member'],
    ]) {
      await page.goto(url(path ?? ''))
      await focused()
        .and(page.getByLabel(field ?? ''))
        .waitFor()
    }
  })

  test('a panel is an address: Back closes it, Forward opens it, a reload keeps it', async () => {
    await tokens()
    await add().click()
    await panel().waitFor()
    await page.waitForURL(url(populated.runtimes.waiting.panel))
    await page.goBack()
    await panel().waitFor({ state: 'hidden' })
    await page.waitForURL(url('/tokens'))
    await page.goForward()
    await panel().waitFor()
    await page.reload()
    await panel().waitFor()
    await page.waitForURL(url(populated.runtimes.waiting.panel))
  })

  test('who came straight to a panel gets to the list behind it', async () => {
    await using profile = await openProfile(populated.browser, url('/'), {
      cookie: populated.countersign.admin.cookie,
    })
    await profile.page.goto(url(populated.runtimes.waiting.panel))
    const cancel = profile.page.getByRole('dialog').getByRole('button', { name: 'Cancel' })
    await cancel.click()
    await cancel.waitFor({ state: 'hidden' })
    await profile.page.waitForURL(url('/tokens'))
    await add(profile.page).waitFor()
  })

  test('a search is in the address, and Back from a page brings it back', async () => {
    await tokens()
    await page.getByRole('searchbox').fill('wait')
    await page.waitForURL(url('/tokens?q=wait'))
    await page.getByRole('rowheader').nth(1).waitFor({ state: 'detached' })
    assert.equal(await page.getByRole('rowheader').innerText(), 'waiting')
    await page.getByRole('navigation').getByRole('link', { name: 'People' }).click()
    await page.getByRole('heading', { name: 'People' }).waitFor()
    await page.goBack()
    await add().waitFor()
    assert.equal(await page.getByRole('searchbox').inputValue(), 'wait')
  })

  test('what is typed while the list is being searched is not lost', async () => {
    await tokens()
    await page.route(
      /\/api\/v1\/access\?q=wa$/,
      async (route) => {
        await page.keyboard.press('i')
        await route.continue()
      },
      { times: 1 },
    )
    await page.getByRole('searchbox').fill('wa')
    await page.waitForURL(url('/tokens?q=wai'))
    assert.equal(await page.getByRole('searchbox').inputValue(), 'wai')
  })

  test('each page is named, in its heading and in the title of the window', async () => {
    await tokens()
    assert.deepEqual(await links(page), ['Tokens', ...ADMIN_PAGES])
    for (const name of ADMIN_PAGES) {
      await page.getByRole('navigation').getByRole('link', { name, exact: true }).click()
      await page.getByRole('heading', { name, level: 1 }).waitFor()
      await until('the title', async () => (await page.title()) === `${name} · Countersign`)
    }
  })

  test('a member is offered no page of administrators, and told so when they go there', async () => {
    const { page } = populated.mo
    await page.goto(url('/tokens'))
    await page.getByRole('heading', { name: 'Git Personal Access Tokens' }).waitFor()
    assert.deepEqual(await links(page), ['Tokens'])
    const { runtimes, countersign } = populated
    for (const path of [
      '/admin',
      '/admin/runtimes/new',
      runtimes.ci.page,
      `${runtimes.ci.page}/git/${countersign.provider.id}`,
      '/admin/providers',
      '/admin/git-authentication',
      '/admin/people/invite',
      '/admin/activity',
    ]) {
      await page.goto(url(path))
      await page.getByRole('heading', { name: 'This page is for administrators' }).waitFor()
      assert.equal(await page.getByRole('dialog').count(), 0)
    }
  })

  test('signing in goes on to where one wanted to go', async () => {
    await using profile = await openProfile(populated.browser, url('/'))
    const path = `${populated.runtimes.waiting.panel}?q=wait`
    await profile.page.goto(url(path))
    await profile.page.waitForURL(url(`/sign-in?to=${encodeURIComponent(path)}`))
    await signIn(profile.page)
    await profile.page.waitForURL(url(path))
    await profile.page.getByRole('dialog', { name: 'Add Token' }).waitFor()

    await profile.page.getByRole('button', { name: 'Close' }).click()
    await profile.page.getByRole('button', { name: 'Account of ada' }).click()
    await profile.page.getByRole('button', { name: 'Sign out' }).click()
    await profile.page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await profile.page.goto(url(path))
    await profile.page.getByRole('heading', { name: 'Sign in' }).waitFor()
    assert.deepEqual(profile.complaints, [])
  })

  test('signing in goes to no other site', async () => {
    await using profile = await openProfile(populated.browser, url('/'))
    const { page, complaints } = profile
    const others = [
      '//evil.example/',
      'https://evil.example/',
      '/\\evil.example/',
      '/\t/evil.example/',
      '\\\\evil.example/',
      '/.//evil.example/',
      '/%2e//evil.example/',
      'javascript:document.title="evil"',
    ]
    const signInPage = (to: string) => url(`/sign-in?to=${encodeURIComponent(to)}`)
    await page.goto(signInPage(others[0] ?? ''))
    await signIn(page)
    await page.waitForURL(url('/tokens'))
    // Who is signed in already is sent on at once.
    for (const to of others) {
      await page.goto(signInPage(to))
      await page.waitForURL(url('/tokens'))
      await page.getByRole('heading', { name: 'Git Personal Access Tokens' }).waitFor()
    }
    assert.deepEqual(complaints, [])
  })

  test('nothing went wrong on the way', () => {
    assert.deepEqual([...populated.ada.complaints, ...populated.mo.complaints], [])
  })
})

function isFocusWithin(element: { matches(selector: string): boolean }): boolean {
  return element.matches(':focus-within')
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('E-mail', { exact: true }).fill('ada@example.com')
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
}
