import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { startCountersign } from '../harness/countersign.ts'
import { assertAccessible } from './accessibility.ts'
import {
  hearNothing,
  launchChromium,
  noChromium,
  openProfile,
  type Profile,
  takeEarlyAnswers,
} from './chromium.ts'
import { type Populated, startPopulated } from './populated.ts'

/** Somewhere in the pages: the way there, and what is in sight once it is drawn. */
interface Place {
  path: string | ((populated: Populated) => string)
  /** What to do there first. */
  act?: (page: Page) => Promise<unknown>
  shows: (page: Page) => Locator
}

const heading = (name: string) => (page: Page) => page.getByRole('heading', { name, exact: true })
const dialog = (name: string) => (page: Page) => page.getByRole('dialog', { name })
const button = (name: string) => (page: Page) => page.getByRole('button', { name, exact: true })
const field = (name: string) => (page: Page) => page.getByLabel(name, { exact: true })
const press = (name: string) => (page: Page) => button(name)(page).click()
const status = (name: string) => (page: Page) => page.locator(`[data-status=${name}]`).first()
/** In the frame of whoever is signed in. */
const noPage = (page: Page) =>
  page
    .locator('body', { has: page.getByRole('navigation') })
    .getByRole('heading', { name: 'There is no page here' })
const faultIn = (page: Page) => page.getByRole('alert').filter({ hasText: /\S/ })

const atTheDoor: Record<string, Place> = {
  'sign in': { path: '/sign-in', shows: button('Sign in') },
  'sign in, refused': {
    path: '/sign-in',
    async act(page) {
      await field('E-mail')(page).fill('ada@example.com')
      await field('Password')(page).fill('not this')
      await press('Sign in')(page)
    },
    shows: faultIn,
  },
  'an invitation': { path: ({ invite }) => invite, shows: button('Join') },
  'an invitation, half filled in': {
    path: ({ invite }) => invite,
    act: press('Join'),
    shows: (page) => page.getByText('Choose a password of at least 10 characters.'),
  },
  'an invitation that is not one': {
    path: '/invite#x',
    shows: heading('This invitation cannot be opened'),
  },
  'no page, for nobody': { path: '/nowhere', shows: heading('There is no page here') },
}

const forMembers: Record<string, Place> = {
  'tokens of a member': { path: '/tokens', shows: status('valid') },
  'an administrators’ page': {
    path: '/admin/people',
    shows: heading('This page is for administrators'),
  },
}

const forAdministrators: Record<string, Place> = {
  tokens: { path: '/tokens', shows: status('rejected') },
  'tokens, nothing found': { path: '/tokens?q=zzz', shows: heading('Nothing matches “zzz”.') },
  'the account menu': {
    path: '/tokens',
    act: press('Account of ada'),
    shows: button('Sign out'),
  },
  'Add Token, with one that is there': {
    path: ({ runtimes }) => runtimes.waiting.panel,
    shows: button('Use this token'),
  },
  'Add Token, with a new one': {
    path: ({ runtimes }) => runtimes.waiting.panel,
    act: (page) => page.getByRole('radio', { name: 'Paste a new token' }).click(),
    shows: field('Token'),
  },
  'Update Token': { path: ({ runtimes }) => runtimes.ci.panel, shows: button('Update Token') },
  'Update Token, refused': {
    path: ({ runtimes }) => runtimes.ci.panel,
    async act(page) {
      await field('Token')(page).fill('0123456789abcdef0123456789abcdef01234567')
      await press('Update Token')(page)
    },
    shows: (page) => page.getByText('Your previous token still works.'),
  },
  'deleting a token': {
    path: '/tokens',
    act: press('Delete token of ci at Forge'),
    shows: button('Delete'),
  },
  'a row that is not there': {
    path: `/tokens/${crypto.randomUUID()}/${crypto.randomUUID()}`,
    shows: button('Back to your tokens'),
  },
  runtimes: { path: '/admin/runtimes', shows: (page) => page.getByRole('link', { name: 'ci' }) },
  'Register runtime': {
    path: '/admin/runtimes/new',
    shows: (page) => page.getByRole('checkbox', { name: 'Forge' }),
  },
  'Register runtime, with a bad name': {
    path: '/admin/runtimes/new',
    async act(page) {
      await field('Name')(page).fill('No Good')
      await press('Register runtime')(page)
    },
    shows: (page) => page.getByText('A name has small letters'),
  },
  'the key of a runtime': {
    path: '/admin/runtimes/new',
    async act(page) {
      await field('Name')(page).fill('new')
      await press('Register runtime')(page)
    },
    shows: dialog('Key of runtime new'),
  },
  'a runtime': { path: ({ runtimes }) => runtimes.ci.page, shows: button('Rotate key') },
  'Edit runtime': {
    path: ({ runtimes }) => `${runtimes.ci.page}/edit`,
    shows: (page) => page.getByRole('checkbox', { name: 'Forge' }),
  },
  'removing a runtime': {
    path: ({ runtimes }) => runtimes.ci.page,
    act: press('Remove runtime'),
    shows: dialog('Remove runtime ci?'),
  },
  'a rotated key': {
    path: ({ runtimes }) => runtimes.old.page,
    act: press('Rotate key'),
    shows: dialog('Key of runtime old'),
  },
  'revoking a key': {
    path: ({ runtimes }) => runtimes.ci.page,
    act: (page) => page.getByRole('button', { name: /^Revoke key ending in/ }).click(),
    shows: dialog('Revoke the key ending in'),
  },
  'how people authorize a runtime': {
    path: ({ runtimes, countersign }) => `${runtimes.ci.page}/git/${countersign.provider.id}`,
    shows: (page) => dialog('Git authentication')(page).getByRole('radio').first(),
  },
  'an app of a runtime': {
    path: ({ runtimes, countersign }) => `${runtimes.ci.page}/git/${countersign.provider.id}/app`,
    shows: (page) => dialog('Register app at Forge')(page).getByRole('textbox').first(),
  },
  'Git hosts': { path: '/admin/providers', shows: (page) => page.getByText('Forge').first() },
  'Add Git host': { path: '/admin/providers/new', shows: field('Address') },
  'removing a Git host that is in use': {
    path: '/admin/providers',
    act: press('Remove Forge'),
    shows: dialog('Forge is in use'),
  },
  'Git Authentication': {
    path: '/admin/git-authentication',
    shows: (page) => page.getByRole('link', { name: /Register app/ }),
  },
  'a default app': {
    path: ({ countersign }) => `/admin/git-authentication/${countersign.provider.id}`,
    shows: (page) => dialog('Register app at Forge')(page).getByRole('textbox').first(),
  },
  people: { path: '/admin/people', shows: button('Remove mo') },
  'removing a person': {
    path: '/admin/people',
    act: press('Remove mo'),
    shows: dialog('Remove mo?'),
  },
  'withdrawing an invitation': {
    path: '/admin/people',
    act: press('Withdraw invitation for anyone with the link'),
    shows: dialog('Withdraw this invitation?'),
  },
  Invite: { path: '/admin/people/invite', shows: dialog('Invite') },
  'an invitation link': {
    path: '/admin/people/invite',
    act: (page) => dialog('Invite')(page).getByRole('button', { name: 'link' }).click(),
    shows: field('Invitation link'),
  },
  account: {
    path: '/account',
    shows: (page) => page.getByRole('button', { name: 'Change password' }),
  },
  'signing out everywhere': {
    path: '/account',
    act: press('Sign out everywhere'),
    shows: dialog('Sign out everywhere?'),
  },
  activity: { path: '/admin/activity', shows: (page) => page.getByRole('row').nth(3) },
  'no page': { path: '/nowhere', shows: noPage },
  'no page, where a name stands for an id': { path: '/admin/runtimes/ci', shows: noPage },
  'no panel, where a name stands for an id': { path: '/tokens/ci/forge', shows: noPage },
  'a runtime that is gone': {
    path: `/admin/runtimes/${crypto.randomUUID()}`,
    shows: heading('There is no such runtime'),
  },
}

suite('every page and panel', { skip: noChromium }, () => {
  let populated: Populated
  before(async () => {
    populated = await startPopulated()
  })
  after(() => populated[Symbol.asyncDispose]())

  function visit(places: Record<string, Place>, who: 'ada' | 'mo' | 'nobody'): void {
    for (const [name, { path, act, shows }] of Object.entries(places)) {
      test(name, async () => {
        const { page, complaints } = populated[who]
        const { page_url } = populated.countersign
        await page.goto('about:blank')
        await page.goto(page_url + (typeof path === 'string' ? path : path(populated)))
        await act?.(page)
        await shows(page).waitFor()
        await assertAccessible(page)
        assert.deepEqual(complaints.splice(0), [])
      })
    }
  }
  visit(atTheDoor, 'nobody')
  visit(forMembers, 'mo')
  visit(forAdministrators, 'ada')

  test('the list of tokens while it is read, and when it cannot be', async () => {
    const { page } = populated.ada
    const held = Promise.withResolvers<void>()
    await takeEarlyAnswers(page)
    await hearNothing(page)
    const list = ({ pathname }: URL) => pathname === '/api/v1/access'
    await page.route(list, async (route) => {
      await held.promise
      await route.abort()
    })
    await page.goto(`${populated.countersign.page_url}/tokens`)
    await page.locator('[aria-busy=true]').waitFor()
    await assertAccessible(page)
    held.resolve()
    await button('Try again')(page).waitFor()
    await assertAccessible(page)
    await page.unroute(list)
    await press('Try again')(page)
    await status('rejected')(page).waitFor()
    await page.unrouteAll()
    populated.ada.complaints.length = 0
  })

  test('what a page must not do is noticed', async () => {
    await using profile = await openProfile(populated.browser, populated.countersign.page_url)
    const { page, complaints } = profile
    await page.goto(`${populated.countersign.page_url}/sign-in`)
    await button('Sign in')(page).waitFor()
    await page.evaluate(`
      document.body.append(Object.assign(document.createElement('script'), { text: '1' }))
      document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.1:9/' }))
      setTimeout(() => { throw new Error('stray') })
      document.querySelector('h1').style.color = '#eee'`)
    await assert.rejects(assertAccessible(page), /color-contrast/)
    const said = complaints.join('\n')
    for (const sign of [/script-src/, /img-src/, /stray/]) assert.match(said, sign)
  })
})

suite('every page with nothing on it yet', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let urls: { page: string }
  let ada: Profile
  let mo: Profile
  before(async () => {
    const countersign = resources.use(await startCountersign())
    const browser = resources.use(await launchChromium())
    const { admin, page_url, provider } = countersign
    await admin.api.deleteProvider({ params: { id: provider.id } })
    const member = await countersign.person('mo')
    ada = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie }))
    mo = resources.use(await openProfile(browser, page_url, { cookie: member.cookie }))
    urls = { page: page_url }
  })
  after(() => resources.disposeAsync())

  const empty = {
    '/tokens': 'No runtime is registered yet',
    '/admin/runtimes': 'No runtime is registered yet',
    '/admin/providers': 'No Git host is registered yet',
    '/admin/git-authentication': 'No Git host is registered yet',
  }
  for (const [path, title] of Object.entries(empty)) {
    test(path, async () => {
      await ada.page.goto(urls.page + path)
      await heading(title)(ada.page).waitFor()
      await ada.page.getByRole('main').getByRole('link').first().waitFor()
      await assertAccessible(ada.page)
      assert.deepEqual(ada.complaints.splice(0), [])
    })
  }

  test('/tokens of a member, who cannot register one', async () => {
    await mo.page.goto(`${urls.page}/tokens`)
    await mo.page.getByText('Ask an administrator of this Countersign').waitFor()
    assert.equal(await mo.page.getByRole('main').getByRole('link').count(), 0)
    await assertAccessible(mo.page)
    assert.deepEqual(mo.complaints, [])
  })
})
