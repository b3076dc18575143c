import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { Page } from 'playwright-core'
import { joinAs } from '../harness/person.ts'
import { refusal } from '../harness/problems.ts'
import { until } from '../harness/until.ts'
import { assertAccessible } from './accessibility.ts'
import { noChromium } from './chromium.ts'
import { type Populated, startPopulated } from './populated.ts'

suite('people, by an administrator', { skip: noChromium }, () => {
  let populated: Populated
  let page: Page
  before(async () => {
    populated = await startPopulated()
    page = populated.ada.page
    await page.goto(`${populated.countersign.page_url}/admin/people`)
    await role('mo').waitFor()
  })
  after(() => populated[Symbol.asyncDispose]())

  const role = (name: string) => page.getByLabel(`Role of ${name}`)
  const dialog = (title: string) => page.getByRole('dialog', { name: title })
  const notice = (title: string) => page.getByRole('alert').filter({ hasText: title })
  const press = (title: string, name: string) =>
    dialog(title).getByRole('button', { name, exact: true }).click()
  const shownAs = (name: string, as: 'admin' | 'member') =>
    until(`${name} to be shown as ${as}`, async () => (await role(name).inputValue()) === as)
  const roleOf = async (name: string) => {
    const { items } = await populated.countersign.admin.api.listPeople({ query: {} })
    return items.find((person) => person.name === name)?.role
  }

  test('a key that touches the choice of a role asks, and changes nothing by itself', async () => {
    await role('ada').focus()
    await page.keyboard.press('ArrowUp')
    const question = dialog('Make yourself a member?')
    await question.getByText('Only another administrator can give it back to you.').waitFor()
    await assertAccessible(page)
    await press('Make yourself a member?', 'Cancel')
    await question.waitFor({ state: 'hidden' })
    assert.equal(await role('ada').inputValue(), 'admin')
    assert.equal(await roleOf('ada'), 'admin')
    await role('ada').and(page.locator(':focus')).waitFor()
  })

  test('the last administrator reads why they must stay', async () => {
    await role('ada').selectOption('Member')
    await press('Make yourself a member?', 'Make member')
    const said = dialog('Make yourself a member?').getByRole('alert')
    await said.getByText('Make somebody else an administrator first.').waitFor()
    await press('Make yourself a member?', 'Cancel')
    assert.equal(await roleOf('ada'), 'admin')
  })

  test('a role is given and taken by name', async () => {
    await role('mo').selectOption('Administrator')
    await assertAccessible(page)
    // Who is looking is read again too, and that is waited for by nobody.
    const session = ({ pathname }: URL) => pathname === '/api/v1/session'
    await page.route(session, () => {})
    await press('Make mo an administrator?', 'Make administrator')
    await notice('mo is now an administrator.').waitFor()
    assert.equal(await roleOf('mo'), 'admin')
    await dialog('Make mo an administrator?').waitFor({ state: 'detached' })
    await page.unroute(session)
    await shownAs('mo', 'admin')
    await role('mo').selectOption('Member')
    await press('Make mo a member?', 'Make member')
    await notice('mo is now a member.').waitFor()
    assert.equal(await roleOf('mo'), 'member')
    await shownAs('mo', 'member')
  })

  test('a person is removed, after saying what is revoked and what is not', async () => {
    await page.getByRole('button', { name: 'Remove mo' }).click()
    const words = (await dialog('Remove mo?').innerText()).replaceAll(/\s+/g, ' ')
    assert.doesNotMatch(words, /Invitations/, 'a member has made none')
    assert.match(words, /Pushes as this person fail on every runtime/)
    assert.match(words, /signing in at GitHub or GitLab is revoked there too/)
    assert.match(words, /Pasted tokens, .* work there until they are revoked by hand/)
    await press('Remove mo?', 'Remove person')
    await notice('mo can no longer sign in.').waitFor()
    await role('mo').waitFor({ state: 'detached' })
    await refusal(populated.member.api.listAccess({ query: {} }), 'not-signed-in')
  })

  test('an invitation is withdrawn', async () => {
    const withdraw = page.getByRole('button', { name: 'Withdraw invitation for anyone' })
    await withdraw.click()
    await press('Withdraw this invitation?', 'Withdraw')
    await withdraw.waitFor({ state: 'detached' })
    const { items } = await populated.countersign.admin.api.listInvites({ query: {} })
    assert.deepEqual(items, [])
  })

  test('who removes themselves reads what that means, and is at the door', async () => {
    const { admin, page_url } = populated.countersign
    const { url } = await admin.api.createInvite({ body: { role: 'admin' } })
    await joinAs(page_url, url.split('#')[1] ?? '', 'eve')
    await role('eve').waitFor()
    await page.getByRole('button', { name: 'Remove ada' }).click()
    const words = (await dialog('Remove yourself?').innerText()).replaceAll(/\s+/g, ' ')
    assert.match(words, /You are signed out everywhere\. Pushes as you fail on every runtime/)
    assert.match(words, /Only another administrator can invite you again/)
    await press('Remove yourself?', 'Remove person')
    await page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor()
    assert.equal(new URL(page.url()).pathname, '/sign-in')
  })

  test('and none of it was a fault of the page', () => {
    assert.deepEqual(populated.ada.complaints, [])
  })
})
