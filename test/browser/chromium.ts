import { existsSync } from 'node:fs'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { EARLY_ADDRESSES, EARLY_ANSWERS, EVENTS_PATH } from '../../src/contract/index.ts'
import { until } from '../harness/until.ts'

/** `npm test` finds a browser, or installs one, and names it here. */
const path = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium'

/** Why tests of the pages are left out, where they are. */
export const noChromium = !existsSync(path) && `there is no Chromium at ${path}`

const PATIENCE_MS = 20_000

/** The addresses whose answers come with a page, and those answers. */
const EARLY_PARTS = new RegExp(
  `name="${EARLY_ADDRESSES}" content="([^"]*)".* id="${EARLY_ANSWERS}">(.*?)</script>`,
  's',
)

/** A background service of Chromium's must not look like a request of ours. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: path, args: QUIET })
}

/** A browser profile that takes note of whatever a page must not do. */
export interface Profile extends AsyncDisposable {
  context: BrowserContext
  page: Page
  /** Each error on a console, violation of a policy, and request to another origin. */
  complaints: string[]
}

/**
 * A fresh profile on the site at `url`.
 *
 * @param options.cookie the `Cookie` header of somebody who is signed in
 * @param options.others origins that the person visits too, where nothing is watched
 */
export async function openProfile(
  browser: Browser,
  url: string,
  options: { cookie?: string; others?: readonly string[] } = {},
): Promise<Profile> {
  const { cookie = '', others = [] } = options
  const context = await browser.newContext({ reducedMotion: 'reduce', colorScheme: 'light' })
  context.setDefaultTimeout(PATIENCE_MS)
  await context.addCookies(cookiesOf(cookie, url))
  const complaints = complaintsOf(context, [new URL(url).origin, ...others])
  await context.addInitScript(REPORT_VIOLATIONS)
  const page = await context.newPage()
  return {
    context,
    page,
    complaints,
    async [Symbol.asyncDispose]() {
      // What a test still holds back is of no more interest.
      for (const open of context.pages()) await open.unrouteAll({ behavior: 'ignoreErrors' })
      await context.close()
    },
  }
}

const REPORT_VIOLATIONS = `addEventListener('securitypolicyviolation', (event) => {
  console.error('policy violated:', event.effectiveDirective, event.blockedURI)
})`

function complaintsOf(context: BrowserContext, origins: readonly string[]): string[] {
  const complaints: string[] = []
  const isKnown = (url: string) =>
    url.startsWith('data:') || origins.includes(URL.parse(url)?.origin ?? '')
  context.on('request', (request) => {
    if (!isKnown(request.url())) complaints.push(`request to ${request.url()}`)
  })
  context.on('response', (response) => {
    const { pathname } = new URL(response.url())
    const isFile = !pathname.startsWith('/api/') && pathname.includes('.')
    if (isFile && !response.ok()) complaints.push(`${response.status()} for ${response.url()}`)
  })
  context.on('console', (message) => {
    const { url } = message.location()
    // A refusal of the API is an answer like any other, but Chromium calls each an error.
    const refusal = message.text().startsWith('Failed to load resource') && url.includes('/api/v1/')
    const bad = message.type() === 'error' || message.type() === 'warning'
    if (bad && !refusal && isKnown(url || origins[0] || '')) {
      complaints.push(`${message.type()}: ${message.text()}`)
    }
  })
  context.on('weberror', (error) => complaints.push(`exception: ${error.error().stack}`))
  return complaints
}

const isPage = ({ pathname }: URL) => !/^\/api\/|\./.test(pathname)

/**
 * Takes from each page that is loaded what comes with it, until `page.unrouteAll`: it then asks for
 * everything, and a test may answer.
 */
export async function takeEarlyAnswers(page: Page): Promise<void> {
  await page.route(isPage, async (route) => {
    const response = await route.fetch()
    const addresses = new RegExp(`(name="${EARLY_ADDRESSES}" content=")[^"]*`)
    const body = (await response.text()).replace(addresses, '$1[]')
    await route.fulfill({ response, body })
  })
}

/** Has each page that is loaded come with all that can, which a server that is slow leaves out. */
export async function awaitEarlyAnswers(page: Page): Promise<void> {
  await page.route(isPage, async (route) => {
    const whole = await until('a page with all of its answers', async () => {
      const response = await route.fetch()
      const body = await response.text()
      const [, addresses = '[]', answers = '{}'] = EARLY_PARTS.exec(body) ?? []
      const early: string[] = JSON.parse(
        addresses.replaceAll('&quot;', '"').replaceAll('&amp;', '&'),
      )
      const known: object = JSON.parse(answers)
      return early.length > 0 && early.every((one) => one in known) && { response, body }
    })
    await route.fulfill(whole)
  })
}

/**
 * Leaves pages without the event stream, as if it had yet to begin: only what the person does has
 * anything read again.
 */
export async function hearNothing(page: Page): Promise<void> {
  await page.route(`**${EVENTS_PATH}`, () => {})
}

function cookiesOf(header: string, url: string) {
  return header
    .split('; ')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=')
      return { name: pair.slice(0, equals), value: pair.slice(equals + 1), url }
    })
}
