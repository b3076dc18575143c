import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { sql } from 'kysely'
import type { Browser, Page } from 'playwright-core'
import { type Countersign, runtimeClient, startCountersign } from '../harness/countersign.ts'
import { ALICE, endAccess, endGrant, wakeScheduler } from '../harness/granted.ts'
import { swapToken } from '../harness/narrowed.ts'
import { authorizeWithOAuth, registerClient } from '../harness/oauth.ts'
import { refusal } from '../harness/problems.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'
import { signInAs } from './forge-pages.ts'

interface Row {
  runtime_id: string
  provider_id: string
}

/** What a token can need, by the status that says so, and the word on the button that mends it. */
const needs = {
  expiring: 'Update Token',
  expired: 'Update Token',
  rejected: 'Update Token',
  insufficient_scopes: 'Update Token',
  reauthorization_required: 'Authorize again',
} as const
type Need = keyof typeof needs
const kinds = Object.keys(needs) as Need[]

suite('each button of the banner mends what it stands by', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  let countersign: Countersign
  let browser: Browser
  let profile: Profile
  let page: Page

  before(async () => {
    countersign = resources.use(await startCountersign())
    browser = resources.use(await launchChromium())
    const { admin, page_url, forge, provider } = countersign
    const others = [forge.url]
    profile = resources.use(await openProfile(browser, page_url, { cookie: admin.cookie, others }))
    page = profile.page
    for (const need of kinds) {
      const { runtime, key } = await countersign.runtime(nameOf(need))
      await bring[need]({ runtime_id: runtime.id, provider_id: provider.id }, key)
    }
  })
  after(() => resources.disposeAsync())

  /** How a token of the administrator comes to need them. */
  const bring: Record<Need, (row: Row, key: string) => Promise<unknown>> = {
    expiring: (row) => pasteOneThatEnds(row),
    async expired(row) {
      await pasteOneThatEnds(row)
      const { authorization } = await countersign.admin.access(row.runtime_id)
      await sql`update connections set expires_at = now(), notice_due_at = now()
        where id = ${authorization?.connection.id}`.execute(countersign.database.db)
      await wakeScheduler(countersign)
    },
    async rejected(row) {
      const { admin, forge } = countersign
      const token = await forge.token()
      await admin.addToken(row, token)
      await forge.control('POST', '/control/tokens/revoke', { sha1: token })
      await admin.checkNow(row.runtime_id)
    },
    async insufficient_scopes(row) {
      const { admin, forge } = countersign
      await admin.addToken(row, await forge.token())
      await swapToken(countersign, row, await forge.token('alice', ['read:user']))
      await admin.checkNow(row.runtime_id)
    },
    async reauthorization_required(row, key) {
      const { admin, forge } = countersign
      const builder = { url: forge.url, token: await forge.token('alice', ['all']) }
      await registerClient(admin, builder, row)
      await authorizeWithOAuth(admin, row, ALICE)
      await endGrant(countersign)
      await endAccess(countersign)
      const { host } = new URL(forge.url)
      const body = { person: admin.person.email, protocol: 'http', host } as const
      const asked = runtimeClient(countersign.vault_url, key).issueCredential({ body })
      await refusal(asked, 'reauthorization-required')
    },
  }

  async function pasteOneThatEnds(row: Row): Promise<void> {
    const expires_at = new Date(Date.now() + 86_400_000).toISOString()
    await countersign.admin.addToken(row, await countersign.forge.token(), { expires_at })
  }

  const nameOf = (need: Need) => need.replaceAll('_', '-')
  const banner = () => page.getByRole('region', { name: 'Needs your attention' })
  const inBanner = (need: Need) =>
    banner()
      .getByRole('listitem')
      .filter({ has: page.getByText(`${nameOf(need)} · Forge`, { exact: true }) })
  const inList = (need: Need) =>
    page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: nameOf(need) }) })

  test('all of them are named, each with its status and its button', async () => {
    await page.goto(`${countersign.page_url}/tokens`)
    await banner().getByText(`${kinds.length} authorizations need you`).waitFor()
    for (const need of kinds) {
      await inBanner(need).locator(`[data-status=${need}]`).waitFor()
      const buttons = await inBanner(need).getByRole('link').allInnerTexts()
      assert.deepEqual(buttons, [needs[need]], need)
    }
    await assertAccessible(page)
  })

  for (const need of kinds) {
    test(need, async () => {
      const name = `${needs[need]}: ${nameOf(need)} at Forge`
      await banner().getByRole('link', { name, exact: true }).click()
      const panel = page.getByRole('dialog', { name: needs[need] })
      if (needs[need] === 'Update Token') {
        await panel.getByLabel('Token', { exact: true }).fill(await countersign.forge.token())
        await panel.getByRole('button', { name: 'Update Token' }).click()
      } else {
        await panel.getByRole('button', { name: 'Authorize access to Forge' }).click()
        await signInAs(page, ALICE)
      }
      await inList(need).locator('[data-status=valid]').waitFor()
      await inBanner(need).waitFor({ state: 'detached' })
      await panel.waitFor({ state: 'hidden' })
      await page.waitForURL(`${countersign.page_url}/tokens`)
    })
  }

  test('with nothing left to mend, and no complaint in the console', async () => {
    await banner().waitFor({ state: 'detached' })
    assert.deepEqual(profile.complaints, [])
  })
})
