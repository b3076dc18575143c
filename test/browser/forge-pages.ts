import type { Page } from 'playwright-core'
import { ALICE } from '../harness/granted.ts'

/** Signs somebody in, where the sandbox forge asks for it; it then goes on to what was asked for. */
export async function signInAs(
  page: Page,
  { login, password }: { login: string; password: string },
): Promise<void> {
  await page.locator('[name=user_name]').fill(login)
  await page.locator('[name=password]').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** Signs the demo account in, on the forge's own pages. */
export async function signInAtForge(page: Page): Promise<void> {
  await signInAs(page, ALICE)
  await page.getByRole('heading', { name: 'Access tokens' }).waitFor()
}

/** The level of access that the form for a new token has for a category. */
export function chosenLevel(page: Page, category: string): Promise<string> {
  return page.getByLabel(category, { exact: true }).inputValue()
}

/** Sends the form for a new token as it stands. @returns the token */
export async function generateToken(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Generate token' }).click()
  return await page.locator('#access-token').innerText()
}

/** Makes a token with a name and what it may do in repositories. */
export async function makeToken(
  page: Page,
  name: string,
  repository: 'read' | 'write',
): Promise<string> {
  await page.bringToFront()
  await page.goto(new URL('/user/settings/applications', page.url()).href)
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page.getByLabel('repository', { exact: true }).selectOption(`${repository}:repository`)
  return await generateToken(page)
}
