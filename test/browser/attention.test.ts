import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { sql } from 'kysely'
import type { Page } from 'playwright-core'
import { assertAccessible } from './accessibility.ts'
import { awaitEarlyAnswers, hearNothing, noChromium, takeEarlyAnswers } from './chromium.ts'
import { type Populated, startPopulated } from './populated.ts'

suite('the banner above the list of tokens', { skip: noChromium }, () => {
  let populated: Populated
  let page: Page
  let url: (path: string) => string
  before(async () => {
    populated = await startPopulated()
    page = populated.ada.page
    url = (path) => populated.countersign.page_url + path
  })
  after(() => populated[Symbol.asyncDispose]())

  const banner = (on = page) => on.getByRole('region', { name: 'Needs your attention' })
  const named = () => banner().locator('strong').allInnerTexts()
  const row = (runtime: string) => page.getByRole('row').filter({ hasText: runtime })
  const notice = (title: string) => page.getByRole('alert').filter({ hasText: title })
  const focused = () => page.locator(':focus')

  test('names what needs its owner, whatever the list is searched for', async () => {
    await page.goto(url('/tokens?q=waiting'))
    await banner().getByText('2 authorizations need you').waitFor()
    assert.deepEqual(await named(), ['old · Forge', 'soon · Forge'])
    await page.getByRole('rowheader', { name: 'waiting' }).waitFor()
    assert.equal(await page.getByRole('rowheader').count(), 1)
  })

  test('Hide takes a row out of it, also one that the search leaves out', async () => {
    await banner().getByRole('button', { name: 'Hide: old at Forge' }).click()
    await notice('Hidden').waitFor()
    await banner().getByText('One authorization needs you').waitFor()
    assert.deepEqual(await named(), ['soon · Forge'])
    assert.equal(await focused().getAttribute('aria-label'), 'Hide: soon at Forge')
    await page.goto(url('/tokens'))
    await row('soon').waitFor()
    await banner().getByRole('button', { name: 'Hide: soon at Forge' }).click()
    await banner().waitFor({ state: 'detached' })
    const update = page.getByRole('link', { name: 'Update Token of soon at Forge' })
    await update.and(focused()).waitFor()
    await page.reload()
    await row('soon').locator('[data-status=expiring]').waitFor()
    assert.equal(await banner().count(), 0)
  })

  test('what is hidden can be shown again, from its row', async () => {
    await assertAccessible(page)
    await page.getByRole('button', { name: 'Show notice again: soon at Forge' }).click()
    await notice('Shown again').waitFor()
    await banner().getByText('One authorization needs you').waitFor()
    assert.deepEqual(await named(), ['soon · Forge'])
    assert.equal(
      await focused().getAttribute('aria-label'),
      'Update Token of soon at Forge',
      'the focus is in the row',
    )
  })

  test('more than a few are counted, and all of them named on demand', async () => {
    const { countersign } = populated
    const { admin, provider } = countersign
    const expires_at = new Date(Date.now() + 86_400_000).toISOString()
    const token = await countersign.forge.token()
    for (let index = 0; index < 6; index += 1) {
      const { runtime } = await countersign.runtime(`soon-${index}`)
      await admin.addToken({ runtime_id: runtime.id, provider_id: provider.id }, token, {
        expires_at,
      })
    }
    await page.goto(url('/tokens'))
    await banner().getByText('7 authorizations need you').waitFor()
    assert.equal((await named()).length, 5)
    await banner().getByRole('button', { name: 'Show 2 more' }).click()
    assert.equal((await named()).length, 7)
    const sixth = banner().getByRole('listitem').nth(5).getByRole('link')
    assert.equal(await sixth.evaluate((one) => one.matches(':focus')), true)
    await assertAccessible(page)
  })

  test("an administrator reads there of runtimes' own tokens, and nobody else does", async () => {
    const { admin, forge, provider } = populated.countersign
    const { runtime } = await populated.countersign.runtime('robot')
    const token = await forge.token('bob', ['all'])
    const params = { runtime_id: runtime.id, provider_id: provider.id }
    await admin.addRuntimeToken(params, token)
    await page.goto(url('/tokens'))
    await banner().getByText('7 authorizations need you').waitFor()
    assert.equal(await page.getByText('Own tokens of runtimes').count(), 0)

    await forge.control('POST', '/control/tokens/revoke', { sha1: token })
    await admin.api.checkRuntimeToken({ params })
    await banner().getByText('Own tokens of runtimes need an administrator').waitFor()
    assert.match(await banner().innerText(), /administrator: robot at Forge\./)
    await assertAccessible(page)
    const { page: mo } = populated.mo
    await mo.goto(url('/tokens'))
    await mo.locator('[data-status=valid]').first().waitFor()
    assert.equal(await banner(mo).count(), 0)
    await banner().getByRole('link', { name: 'robot' }).click()
    await page.getByRole('heading', { name: 'robot' }).waitFor()
  })

  test('runtimes in need that cannot be read are not just left out', async () => {
    const inNeed = ({ pathname, searchParams }: URL) =>
      pathname === '/api/v1/runtimes' && searchParams.has('in_need')
    await takeEarlyAnswers(page)
    await hearNothing(page)
    await page.route(inNeed, (route) => route.abort())
    await page.goto(url('/tokens'))
    await banner().getByText('What needs you could not be read.').waitFor()
    await banner().getByText('7 authorizations need you').waitFor()
    await assertAccessible(page)
    await page.unroute(inNeed)
    await banner().getByRole('button', { name: 'Try again' }).click()
    await banner().getByText('Own tokens of runtimes need an administrator').waitFor()
    assert.equal(await banner().getByText('What needs you could not be read.').count(), 0)
    await page.unrouteAll()
  })

  test('a sign of life of an agent has only those lists read again that show it', async () => {
    const { admin, database } = populated.countersign
    const { items } = await admin.api.listRuntimes({ query: { q: 'robot' } })
    const path = `/api/v1/runtimes/${items[0]?.id}`
    const answer = (pathname: string) =>
      page.waitForResponse((response) => new URL(response.url()).pathname === pathname)
    // What comes with the page is asked for once it listens; what is opened after that is read once.
    await awaitEarlyAnswers(page)
    const listening = answer('/api/v1/access')
    await page.goto(url('/tokens'))
    await listening
    const parts = [path, `${path}/providers`, `${path}/tokens`, `${path}/revocations`]
    const first = Promise.all(parts.map(answer))
    await banner().getByRole('link', { name: 'robot' }).click()
    await first
    const asked: string[] = []
    page.on('request', (request) => {
      const { pathname } = new URL(request.url())
      if (parts.includes(pathname)) asked.push(pathname)
    })
    const again = answer(path)
    const change = JSON.stringify({ name: 'agents', owner_id: null, id: admin.person.id })
    await sql`select pg_notify('countersign_changes', ${change})`.execute(database.db)
    await again
    assert.deepEqual(asked, [path])
  })

  test('and none of it was a fault of the page', () => {
    assert.deepEqual([...populated.ada.complaints, ...populated.mo.complaints], [])
  })
})
