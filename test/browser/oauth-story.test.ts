import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { sql } from 'kysely'
import type { Browser, Page } from 'playwright-core'
import { callbackPath, type Runtime } from '../../src/contract/index.ts'
import { temporaryFolder } from '../agent/git-end.ts'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import { ALICE, TOKEN_ENDPOINT } from '../harness/granted.ts'
import type { PersonClient } from '../harness/person.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'
import { signInAs } from './forge-pages.ts'
import { type Machine, machineOf } from './machine.ts'

const BOB = { login: 'bob', password: 'bob-demo' }
const CAROL = { login: 'carol', password: 'carol-demo', email: 'carol@example.com' }

/** A person, their browser, and their page. */
interface Someone {
  person: PersonClient
  profile: Profile
  page: Page
}

suite('authorizing with OAuth2', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let browser: Browser
  let ada: Someone
  let mo: Someone
  let runtimes: Record<'ci' | 'web', { runtime: Runtime; key: string }>
  let ci: Machine

  before(async () => {
    countersign = resources.use(await startCountersign())
    browser = resources.use(await launchChromium())
    ada = await someone(countersign.admin)
    mo = await someone(await countersign.person('mo'))
    runtimes = {
      ci: await countersign.runtime('ci'),
      web: await countersign.runtime('web'),
    }
    const home = join(resources.use(await temporaryFolder('countersign-oauth-')).path, 'home')
    await mkdir(home)
    ci = machineOf('ci', mo.person.person.email, home, {
      COUNTERSIGN_VAULT_URL: countersign.vault_url,
      COUNTERSIGN_RUNTIME_KEY: runtimes.ci.key,
    })
  })
  after(() => resources.disposeAsync())

  async function someone(person: PersonClient): Promise<Someone> {
    const { page_url, forge } = countersign
    const others = [forge.url]
    const opened = await openProfile(browser, page_url, { cookie: person.cookie, others })
    const profile = resources.use(opened)
    return { person, profile, page: profile.page }
  }

  const url = (path: string) => countersign.page_url + path
  const dialog = (page: Page) => page.getByRole('dialog')
  const alert = (page: Page, words: string | RegExp) =>
    page.getByRole('alert').filter({ hasText: words })
  const row = (page: Page, runtime: string) =>
    page
      .getByRole('table', { name: 'Git personal access tokens' })
      .getByRole('row')
      .filter({ has: page.getByRole('rowheader', { name: new RegExp(`^${runtime}`) }) })
  const becomes = (page: Page, runtime: string, what: 'valid' | 'none') =>
    row(page, runtime).locator(`span[data-status=${what}]`).waitFor()
  const panelOf = (runtime: 'ci' | 'web') =>
    url(`/tokens/${runtimes[runtime].runtime.id}/${countersign.provider.id}`)
  const credentialOf = async (person: PersonClient) =>
    await runtimeClient(countersign.vault_url, runtimes.ci.key).issueCredential({
      body: {
        person: person.person.email,
        protocol: 'http',
        host: new URL(countersign.forge.url).host,
      },
    })

  /** Presses the button in the open panel; the browser is then at the forge. */
  async function goToForge(page: Page): Promise<void> {
    const button = dialog(page).getByRole('button', {
      name: /^(Authorize access to Forge|Try again)$/,
    })
    await button.click()
    await page.waitForURL(`${countersign.forge.url}/**`)
  }

  const allow = (page: Page) => page.getByRole('button', { name: 'Authorize' }).click()

  /** What the row of a person says, and which token Git would get, to compare with later. */
  async function asItIs(person: PersonClient) {
    const { authorization } = await person.access(runtimes.ci.runtime.id)
    const token = authorization === null ? null : (await credentialOf(person)).password
    return { authorization, token }
  }

  test('where no app is registered, people read whom to ask', async () => {
    const { page } = ada
    for (const name of ['ci', 'web'] as const) {
      await page.goto(url(`/admin/runtimes/${runtimes[name].runtime.id}`))
      const mode = page.getByLabel(`How people authorize ${name} at Forge`)
      await mode.selectOption('Default app')
      await page.getByText('Not registered').waitFor()
    }
    await mo.page.goto(panelOf('ci'))
    await dialog(mo.page).getByText('Git app not registered').waitFor()
    const words = await dialog(mo.page).innerText()
    assert.match(words, /Ask an administrator to register it:\s+ada, ada@example\.com/)
    const button = dialog(mo.page).getByRole('button', { name: 'Authorize access to Forge' })
    assert.ok(await button.isDisabled())
    await assertAccessible(mo.page)
  })

  test('an administrator registers the app there and here, and tests it', async () => {
    const { page, profile } = ada
    await page.goto(url('/admin/git-authentication'))
    await page.getByRole('link', { name: 'Register app at Forge' }).click()
    const callback = await dialog(page).getByLabel('Callback address', { exact: true }).inputValue()
    assert.equal(callback, url(callbackPath(countersign.provider.id)))
    const opening = profile.context.waitForEvent('page')
    await dialog(page)
      .getByRole('link', { name: /^Apps at Forge/ })
      .click()
    const forge = await opening
    await signInAs(forge, BOB)
    await forge.goto(new URL('/user/settings/oauth2', forge.url()).href)
    await forge.getByLabel('Name', { exact: true }).fill('Countersign')
    await forge.getByLabel('Redirect URI').fill(callback)
    await forge.getByRole('button', { name: 'Register application' }).click()
    const id = await forge.locator('#client-id').innerText()
    const secret = await forge.locator('#client-secret').innerText()
    await forge.close()

    await dialog(page).getByLabel('Client ID', { exact: true }).fill(id)
    await dialog(page).getByLabel('Client secret', { exact: true }).fill(secret)
    await dialog(page).getByRole('button', { name: 'Register app' }).click()
    await dialog(page).getByRole('button', { name: 'Test', exact: true }).click()
    await dialog(page).getByText('Passed').waitFor()
    assert.ok(!(await page.content()).includes(secret))
  })

  test('a person signs in there, allows it, and lands on the filled row', async () => {
    const { page } = mo
    await page.goto(panelOf('ci'))
    await dialog(page)
      .getByText(/What runtime ci may then do at Forge as you/)
      .waitFor()
    await assertAccessible(page)
    await goToForge(page)
    await signInAs(page, ALICE)
    await page.getByRole('heading', { name: 'Authorize Countersign?' }).waitFor()
    await allow(page)
    await page.waitForURL(url('/tokens'))
    await alert(page, 'ci now acts at Forge as you').waitFor()
    await becomes(page, 'ci', 'valid')
    assert.match(await row(page, 'ci').innerText(), /alice[\s\S]*OAuth2/)
  })

  test('a push is theirs', async () => {
    const cloned = await ci.clone(`${countersign.forge.url}/alice/hello.git`)
    assert.equal(cloned.code, 0, cloned.stderr)
    const pushed = await ci.push('first')
    assert.equal(pushed.code, 0, pushed.stderr)
    assert.equal((await countersign.forge.pushes()).at(-1)?.login, 'alice')
  })

  test('an access token that ended there is refreshed, once, and pushes go on', async () => {
    const { forge, database } = countersign
    const before = (await credentialOf(mo.person)).password
    await forge.control('POST', '/control/tokens/expire', { sha1: before })
    await forge.control('DELETE', '/control/calls')
    await sql`update connections set version = version + 1, access_expires_at = now()
      where method = 'oauth'`.execute(database.db)
    const pushed = await ci.push('second')
    assert.equal(pushed.code, 0, pushed.stderr)
    assert.equal(await forge.calls(TOKEN_ENDPOINT), 1)
    assert.notEqual((await credentialOf(mo.person)).password, before)
  })

  test('one that ended before its time is found out by Check now, and works again', async () => {
    const { forge } = countersign
    const { page } = mo
    const before = (await credentialOf(mo.person)).password
    await forge.control('POST', '/control/tokens/expire', { sha1: before })
    await page.getByRole('button', { name: 'Check now: token of ci at Forge' }).click()
    await alert(page, 'Checked: valid').waitFor()
    assert.notEqual((await credentialOf(mo.person)).password, before)
    const pushed = await ci.push('third')
    assert.equal(pushed.code, 0, pushed.stderr)
  })

  test('a second runtime is an act of consent of its own, without the Git host', async () => {
    const { page } = mo
    const there: string[] = []
    const listen = (request: { url(): string }) => {
      if (request.url().startsWith(countersign.forge.url)) there.push(request.url())
    }
    page.on('request', listen)
    await page.getByRole('link', { name: 'Add Token of web at Forge' }).click()
    const words = () => dialog(page).innerText()
    await dialog(page)
      .getByRole('radio', { name: /^Authorize this runtime too: alice/ })
      .waitFor()
    assert.match(await words(), /What runtime web may then do at Forge as you/)
    assert.match(await words(), /write:repository/)
    await assertAccessible(page)
    await dialog(page).getByRole('button', { name: 'Authorize this runtime too' }).click()
    await alert(page, 'web acts at Forge as alice').waitFor()
    await becomes(page, 'web', 'valid')
    page.off('request', listen)
    assert.deepEqual(there, [])
  })

  suite('on a bad day one sentence says what happened, and nothing was changed', () => {
    let nora: Someone
    before(async () => {
      nora = await someone(await countersign.person('nora'))
      await countersign.forge.control('POST', '/control/users', CAROL)
    })

    /** Begins in the panel and says yes at the forge. @returns the way back, which was not gone */
    async function wayBack(page: Page): Promise<string> {
      const { promise: back, resolve } = Promise.withResolvers<string>()
      const answers = `${countersign.forge.url}/login/oauth/**`
      await page.route(answers, async (route) => {
        const response = await route.fetch({ maxRedirects: 0 })
        const { location = '' } = response.headers()
        if (!location.startsWith(url(callbackPath(countersign.provider.id))))
          return await route.fulfill({ response })
        // Without an icon of its own the page would ask for one.
        await route.fulfill({ contentType: 'text/html', body: '<link rel="icon" href="data:,">' })
        resolve(location)
      })
      await page.goto(panelOf('ci'))
      await dialog(page)
        .getByRole('button', { name: /^(Authorize access|Try again)/ })
        .click()
      // Who has allowed the app once is not asked again there.
      const consent = page.getByRole('button', { name: 'Authorize', exact: true })
      await Promise.race([back, consent.waitFor().catch(() => {})])
      if (await consent.isVisible()) await consent.click()
      const found = await back
      await page.unroute(answers)
      return found
    }

    const TOO_LATE = /more than ten minutes after it was begun\. Nothing was changed\. Begin again/
    const ELSEWHERE = /begun in another browser.*Nothing was changed\. Begin again/

    test('who says no at the Git host', async () => {
      const { page, person } = nora
      await page.goto(panelOf('ci'))
      await goToForge(page)
      await signInAs(page, CAROL)
      await page.getByRole('button', { name: 'Decline' }).click()
      await page.waitForURL(url('/tokens/**'))
      const said = dialog(page).getByRole('alert')
      assert.match(await said.innerText(), /You said no at the Git host.*Nothing was changed/s)
      await dialog(page).getByRole('button', { name: 'Try again' }).waitFor()
      await assertAccessible(page)
      assert.equal((await asItIs(person)).authorization, null)
    })

    test('who lets the page sit for an hour', async () => {
      const { page, person } = nora
      const back = await wayBack(page)
      await sql`update authorization_requests set created_at = created_at - interval '1 hour',
        expires_at = expires_at - interval '1 hour' where status = 'pending'`.execute(
        countersign.database.db,
      )
      await page.goto(back)
      await alert(page, TOO_LATE).waitFor()
      assert.equal((await asItIs(person)).authorization, null)
    })

    test('who comes back in another browser', async () => {
      const back = await wayBack(nora.page)
      await mo.page.goto(back)
      await alert(mo.page, ELSEWHERE).waitFor()
      await using stranger = await openProfile(browser, countersign.page_url)
      await stranger.page.goto(back)
      await stranger.page.getByRole('heading', { name: 'Sign in' }).waitFor()
      assert.equal((await asItIs(nora.person)).authorization, null)
      assert.equal((await asItIs(mo.person)).authorization?.connection.account.login, 'alice')
    })

    test('who presses twice, and in two tabs', async () => {
      const { page, person, profile } = nora
      const second = await profile.context.newPage()
      await Promise.all([page.goto(panelOf('ci')), second.goto(panelOf('ci'))])
      const button = (on: Page) =>
        dialog(on).getByRole('button', { name: 'Authorize access to Forge' })
      await page.bringToFront()
      await button(page).dblclick()
      await page.waitForURL(url('/tokens'))
      await becomes(page, 'ci', 'valid')
      const first = await asItIs(person)

      const back = second.waitForRequest((request) =>
        request.url().includes(callbackPath(countersign.provider.id)),
      )
      await second.bringToFront()
      await button(second).click()
      const used = (await back).url()
      await second.waitForURL(url('/tokens'))
      await alert(second, 'ci now acts at Forge as you').waitFor()
      const now = await asItIs(person)
      assert.equal(now.authorization?.id, first.authorization?.id)
      assert.equal(now.authorization?.connection.id, first.authorization?.connection.id)

      await second.goto(used)
      await second.waitForURL(url('/tokens'))
      await dialog(second).waitFor({ state: 'hidden' })
      assert.equal(await second.getByText('Nothing was changed').count(), 0)
      assert.deepEqual(await asItIs(person), now)
      await second.close()
    })

    test('whose Git host fails', async () => {
      const { page, person } = nora
      const before = await asItIs(person)
      const fault = { kind: 'status', status: 503, match: TOKEN_ENDPOINT }
      await countersign.forge.control('POST', '/control/faults', fault)
      await page.goto(panelOf('ci'))
      await dialog(page).getByRole('button', { name: 'Authorize access to Forge' }).click()
      const said = dialog(page).getByRole('alert')
      await said.getByText('Forge could not complete the authorization').waitFor()
      assert.match(await said.innerText(), /Nothing was changed; try again/)
      assert.match(await said.innerText(), /What was authorized before is as it was/)
      await assertAccessible(page)
      await countersign.forge.control('DELETE', '/control/faults')
      assert.deepEqual(await asItIs(person), before)
    })

    test('who signs in there as somebody else is asked first', async () => {
      const { page, person, profile } = nora
      const before = await asItIs(person)
      await leaveForge(profile)
      const begin = async () => {
        await page.goto(panelOf('ci'))
        await goToForge(page)
      }
      await begin()
      await signInAs(page, BOB)
      await allow(page)
      await dialog(page).getByText('You authorized as bob; until now it was carol.').waitFor()
      await assertAccessible(page)
      const { db } = countersign.database
      const unconfirmed = db
        .selectFrom('authorization_requests')
        .select('id')
        .where('owner_id', '=', person.person.id)
        .where('status', '=', 'account_changed')
      assert.equal((await unconfirmed.execute()).length, 1)
      await dialog(page).getByRole('button', { name: 'Keep carol' }).click()
      await dialog(page).waitFor({ state: 'hidden' })
      assert.deepEqual(await unconfirmed.execute(), [], 'what bob allowed was given up')
      assert.deepEqual(await asItIs(person), before)

      const again = async () => {
        await page.goto(panelOf('ci'))
        await dialog(page).getByRole('button', { name: 'Authorize access to Forge' }).click()
        await dialog(page).getByRole('button', { name: 'Use bob' }).waitFor()
      }
      await again()
      // Another tab says no, and this one has not heard of it yet.
      const { id } = await unconfirmed.executeTakeFirstOrThrow()
      const read = `**/api/v1/authorization-requests/${id}`
      await page.route(read, () => {})
      await person.api.cancelAuthorizationRequest({ params: { id } })
      await dialog(page).getByRole('button', { name: 'Use bob' }).click()
      await alert(page, 'It was answered elsewhere by now').waitFor()
      assert.deepEqual(await asItIs(person), before)
      await page.unroute(read)

      await again()
      await dialog(page).getByRole('button', { name: 'Use bob' }).click()
      await alert(page, 'ci now acts at Forge as you').waitFor()
      assert.equal((await asItIs(person)).authorization?.connection.account.login, 'bob')
    })

    test('and none of it was a fault of the page', () => {
      assert.deepEqual(nora.profile.complaints, [])
    })
  })

  test('the last authorization that is deleted takes the grant with it', async () => {
    const { page } = mo
    for (const [runtime, words] of [
      ['web', /The authorization itself stays here: ci still uses it/],
      ['ci', /No other runtime uses this authorization, so it is destroyed here/],
    ] as const) {
      await page
        .getByRole('button', { name: `Delete authorization of ${runtime} at Forge` })
        .click()
      const question = page.getByRole('dialog', { name: `Delete the authorization of ${runtime}?` })
      await question.getByText(words).waitFor()
      await question.getByRole('button', { name: 'Delete', exact: true }).click()
      await becomes(page, runtime, 'none')
    }
    const { db } = countersign.database
    const grants = await db
      .selectFrom('connections')
      .select('id')
      .where('owner_id', '=', mo.person.person.id)
      .where('method', '=', 'oauth')
      .execute()
    assert.deepEqual(grants, [])
    const refused = await ci.push('fourth')
    assert.notEqual(refused.code, 0)
    assert.match(refused.stderr, /has not authorized runtime "ci"/)
  })

  test('nothing went wrong on the way', () => {
    assert.deepEqual([...ada.profile.complaints, ...mo.profile.complaints], [])
  })

  /** Signs out at the forge. */
  async function leaveForge({ context }: Profile): Promise<void> {
    const { hostname } = new URL(countersign.forge.url)
    const { name } = ownSession(await context.cookies(countersign.page_url))
    const cookies = await context.cookies(countersign.forge.url)
    await context.clearCookies({ domain: hostname })
    await context.addCookies(cookies.filter((cookie) => cookie.name.startsWith('countersign')))
    assert.ok((await context.cookies(countersign.page_url)).some((one) => one.name === name))
  }
})

function ownSession(cookies: { name: string }[]): { name: string } {
  const own = cookies.find(({ name }) => name.startsWith('countersign'))
  if (own === undefined) throw new Error('nobody is signed in')
  return own
}
