import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { createClient } from '../../src/contract/index.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { PASSWORD } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'
import { assertAccessible } from './accessibility.ts'
import { launchChromium, noChromium, openProfile } from './chromium.ts'

suite('the page on which a command line is let in', { skip: noChromium }, () => {
  let countersign: Countersign
  let browser: Browser
  before(async () => {
    countersign = await startCountersign()
    browser = await launchChromium()
  })
  after(async () => {
    await browser.close()
    await countersign[Symbol.asyncDispose]()
  })

  const anonymous = () => createClient({ base_url: countersign.page_url })
  const begin = () => anonymous().beginDeviceSignIn({ body: { device_name: 'build-7' } })
  const redeem = (device_code: string) => anonymous().redeemDeviceSignIn({ body: { device_code } })

  test('somebody who is not signed in signs in, types the code, compares and approves', async () => {
    const { page_url } = countersign
    await using profile = await openProfile(browser, page_url)
    const { page, complaints } = profile
    const { user_code, device_code, verification_uri } = await begin()
    await page.goto(verification_uri)
    await page.getByLabel('E-mail').fill('ada@example.com')
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()

    const code = page.getByLabel('Code')
    await code.waitFor()
    await assertAccessible(page)
    await code.fill('AB')
    await page.keyboard.press('Enter')
    await page.getByText('A code has eight letters').waitFor()
    await code.fill(user_code.toLowerCase().replace('-', ''))
    await page.keyboard.press('Enter')

    await page.getByRole('heading', { name: 'Sign in a command line?' }).waitFor()
    await page.getByText(user_code, { exact: true }).waitFor()
    await page.getByText('build-7').waitFor()
    await page.getByText('ada@example.com').waitFor()
    assert.equal((await redeem(device_code)).status, 'authorization_pending', 'looking is no yes')
    await assertAccessible(page)
    await page.getByRole('button', { name: 'Approve' }).click()
    await page.getByRole('heading', { name: 'Approved' }).waitFor()
    await assertAccessible(page)
    assert.equal((await redeem(device_code)).status, 'approved')
    assert.deepEqual(complaints, [])
  })

  test('the address with the code in it asks all the same, and no is no', async () => {
    const { page_url, admin } = countersign
    await using profile = await openProfile(browser, page_url, { cookie: admin.cookie })
    const { page, complaints } = profile
    const { device_code, verification_uri_complete } = await begin()
    await page.goto(verification_uri_complete)
    await page.getByRole('button', { name: 'Deny' }).click()
    await page.getByRole('heading', { name: 'Denied' }).waitFor()
    await refusal(redeem(device_code), 'device-sign-in-denied')
    assert.deepEqual(complaints, [])
  })

  test('a session that ends there is begun again there, and the answer goes on', async () => {
    const { page_url, person } = { ...countersign, person: await countersign.person('mo') }
    await using profile = await openProfile(browser, page_url, { cookie: person.cookie })
    const { page, complaints } = profile
    const { device_code, verification_uri_complete } = await begin()
    await page.goto(verification_uri_complete)
    const approve = page.getByRole('button', { name: 'Approve' })
    await approve.waitFor()
    await person.api.signOut({})
    await approve.click()
    const dialog = page.getByRole('dialog', { name: 'Sign in again' })
    await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await dialog.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Approved' }).waitFor()
    assert.equal((await redeem(device_code)).status, 'approved')
    assert.deepEqual(complaints, [])
  })

  test('a wrong code says so, and there is a way on', async () => {
    const { page_url, admin } = countersign
    await using profile = await openProfile(browser, page_url, { cookie: admin.cookie })
    const { page, complaints } = profile
    await page.goto(`${page_url}/device?user_code=BBBB-BBBB`)
    await page.getByRole('alert').filter({ hasText: 'There is no such code.' }).waitFor()
    await assertAccessible(page)
    await page.getByRole('button', { name: 'Enter another code' }).click()
    await page.getByLabel('Code').waitFor()
    await page.waitForURL(`${page_url}/device`)
    assert.deepEqual(complaints, [])
  })
})
