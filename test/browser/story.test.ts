import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { after, before, suite, test } from 'node:test'
import type { Browser, Page, Request } from 'playwright-core'
import { execute, isolated, temporaryFolder } from '../agent/git-end.ts'
import { freePort } from '../harness/ports.ts'
import { startProgram } from '../harness/program.ts'
import { until } from '../harness/until.ts'
import { disguises } from '../invariants/disguises.ts'
import { launchChromium, noChromium, openProfile, type Profile } from './chromium.ts'
import { chosenLevel, generateToken, makeToken, signInAtForge } from './forge-pages.ts'
import { commitScript, type Machine, machineOf } from './machine.ts'

const ADA = { name: 'Ada Lovelace', email: 'ada@example.com', password: 'a few words do well' }
const FORGE = 'Sandbox forge'

suite('from an empty data folder to pushes as oneself', { skip: noChromium }, () => {
  const resources = new AsyncDisposableStack()
  /** Requests to our server, from every window. */
  const sent: Request[] = []
  const tokens: string[] = []
  let folder: string
  let home: string
  let urls: { page: string; setup: string; clone: string; vault: string }
  /** The command of the start screen. */
  let printed: string
  let browser: Browser
  let profile: Profile
  let page: Page
  let forge: Page
  /** Another window of the same person, which nobody touches. */
  let idle: Page
  let local: Machine
  let build: Machine

  before(async () => {
    folder = resources.use(await temporaryFolder('countersign-story-')).path
    home = join(folder, 'home')
    await mkdir(home)
    const [port, vault_port, sandbox_port] = [await freePort(), await freePort(), await freePort()]
    const program = resources.use(
      startProgram('up', {
        COUNTERSIGN_DATA: join(folder, 'data'),
        COUNTERSIGN_PORT: String(port),
        COUNTERSIGN_VAULT_PORT: String(vault_port),
        COUNTERSIGN_SANDBOX_PORT: String(sandbox_port),
      }),
    )
    browser = resources.use(await launchChromium())
    const [, setup = ''] = await program.says(/Open this once\s+(\S+)/)
    const [, command = '', clone = ''] = await program.says(
      /\n +(npx countersign run .*-- git clone (\S+) \S+)\n/,
    )
    const vault = `http://127.0.0.1:${vault_port}`
    urls = { page: new URL(setup).origin, setup, clone, vault }
    printed = command
    const others = [new URL(clone).origin]
    profile = resources.use(await openProfile(browser, urls.page, { others }))
    profile.context.on('request', (request) => {
      if (request.url().startsWith(urls.page)) sent.push(request)
    })
    page = profile.page
    local = machineOf('local', ADA.email, home, {
      COUNTERSIGN_CONFIG: join(folder, 'data', 'agent.json'),
    })
  })
  after(() => resources.disposeAsync())

  const list = (on = page) => on.getByRole('table', { name: 'Git personal access tokens' })
  const row = (runtime: string, on = page) =>
    list(on)
      .getByRole('row')
      .filter({ has: on.getByRole('rowheader', { name: new RegExp(`^${runtime}`) }) })
  const status = (runtime: string) => row(runtime).locator('[data-status]')
  const becomes = (runtime: string, what: 'valid' | 'none') =>
    status(runtime)
      .and(page.locator(`[data-status=${what}]`))
      .waitFor()
  const panel = (title: string) => page.getByRole('dialog', { name: title })
  const notice = (title: string) => page.getByRole('alert').filter({ hasText: title })

  /** The page before stays until the next is there, and has buttons of the same names. */
  async function goTo(label: string, heading = label): Promise<void> {
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: label }).click()
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor()
  }

  async function openPanel(title: 'Add Token' | 'Update Token', runtime: string): Promise<void> {
    await page.getByRole('link', { name: `${title} of ${runtime} at ${FORGE}` }).click()
  }

  async function updateToken(token: string): Promise<void> {
    tokens.push(token)
    await page.bringToFront()
    await panel('Update Token').getByLabel('Token', { exact: true }).fill(token)
    await panel('Update Token').getByRole('button', { name: 'Update Token' }).click()
  }

  async function assertPushes(machine: Machine, name: string): Promise<void> {
    const ended = await machine.push(name)
    assert.equal(ended.code, 0, ended.stderr)
  }

  test('the one-time link makes its visitor the administrator', async () => {
    await page.goto(urls.setup)
    await page.getByRole('heading', { name: 'Set up Countersign' }).waitFor()
    await page.getByLabel('Name', { exact: true }).fill(ADA.name)
    await page.getByLabel('E-mail', { exact: true }).fill(ADA.email)
    await page.getByLabel('Password', { exact: true }).fill(ADA.password)
    await page.getByRole('button', { name: 'Set up Countersign' }).click()

    await page.getByRole('heading', { name: 'Git Personal Access Tokens' }).waitFor()
    await row('local').waitFor()
    assert.equal(await list().getByRole('rowheader').count(), 1)
    assert.match(await status('local').innerText(), /Not authorized.*waits for your token/s)
    await goTo('Runtimes')
    await goTo('Tokens', 'Git Personal Access Tokens')
  })

  test('the link works once', async () => {
    await using other = await openProfile(browser, urls.page)
    await other.page.goto(urls.setup)
    await other.page.getByRole('heading', { name: 'This invitation cannot be opened' }).waitFor()
  })

  test('Add Token says what a token needs, and leads to where one is made', async () => {
    await openPanel('Add Token', 'local')
    await panel('Add Token').getByText('Scopes the token needs').waitFor()
    const scopes = await panel('Add Token').locator('li code').allInnerTexts()
    assert.deepEqual(scopes.toSorted(), ['read:user', 'write:repository'])
    const opening = profile.context.waitForEvent('page')
    await panel('Add Token')
      .getByRole('link', { name: `Make a token at ${FORGE} (opens in a new tab)` })
      .click()
    forge = await opening
    await signInAtForge(forge)
    assert.equal(await chosenLevel(forge, 'user'), 'read:user')
    assert.equal(await chosenLevel(forge, 'repository'), 'write:repository')
    tokens.push(await generateToken(forge))
  })

  test('a token that is copied there and pasted here fills the row', async () => {
    await forge.locator('#access-token').click()
    await forge.keyboard.press('ControlOrMeta+C')
    await page.bringToFront()
    const field = panel('Add Token').getByLabel('Token', { exact: true })
    await field.focus()
    await page.keyboard.press('ControlOrMeta+V')
    await until('the pasted token', async () => (await field.inputValue()) === tokens[0])
    await panel('Add Token').getByRole('button', { name: 'Add Token' }).click()

    await notice('Token added').waitFor()
    await panel('Add Token').waitFor({ state: 'hidden' })
    await becomes('local', 'valid')
    const cells = (await row('local').innerText()).replaceAll(/\s+/g, ' ')
    assert.match(cells, /alice Alice Demo Valid/)
    assert.match(cells, /write:repository read:user Not known just now/)
  })

  test('the avatar is loaded, by way of our own server', async () => {
    const avatar = row('local').locator('img')
    const width = await avatar.evaluate(loadedWidth)
    assert.ok(width > 0)
    const source = new URL((await avatar.getAttribute('src')) ?? '', page.url())
    assert.equal(source.origin, urls.page)
  })

  test('the command of the start screen clones, and a push is theirs', async () => {
    const line = printed.replace('YOUR-E-MAIL', ADA.email).replace(/\S+$/, local.folder)
    const cwd = join(import.meta.dirname, '..', '..')
    const cloned = await execute('sh', ['-c', line], { env: isolated({ HOME: home }), cwd })
    assert.equal(cloned.code, 0, cloned.stderr)
    await assertPushes(local, 'first')
    await forge.goto(urls.clone.replace(/\.git$/, ''))
    const commit = await forge.getByRole('listitem').filter({ hasText: 'Say first' }).innerText()
    assert.match(commit, /by Alice Demo <alice@example\.com>/)
    assert.match(commit, /pushed by\s+alice/)
  })

  test('no process has the token in sight while it pushes', async () => {
    const [hooks, seen] = [join(folder, 'hooks'), join(folder, 'processes')]
    await mkdir(hooks)
    const look = `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null >'${seen}'; true`
    await writeFile(join(hooks, 'pre-push'), `#!/bin/sh\n${look}\n`, { mode: 0o755 })
    await local.run('git', '-C', local.folder, 'config', 'core.hooksPath', hooks)
    await assertPushes(local, 'second')
    const processes = await readFile(seen, 'latin1')
    assert.match(processes, /git\0push/)
    assert.match(processes, /GIT_AUTHOR_NAME=Alice Demo/)
    assert.deepEqual(
      tokens.flatMap(disguises).filter((form) => processes.includes(form)),
      [],
    )
  })

  test('a bad token is refused with the reason, and pushes go on', async () => {
    await openPanel('Update Token', 'local')
    await updateToken('0123456789abcdef0123456789abcdef01234567')
    const fault = panel('Update Token').getByRole('alert')
    await fault.getByText(`${FORGE} does not accept it: it was deleted`).waitFor()
    assert.match(await fault.innerText(), /Your previous token still works\./)
    await assertPushes(local, 'third')
  })

  test('one that may do too little is refused with what it lacks, and pushes go on', async () => {
    await updateToken(await makeToken(forge, 'too little', 'read'))
    const missing = panel('Update Token').getByText('Missing:')
    assert.match(await missing.innerText(), /write:repository/)
    assert.doesNotMatch(await missing.innerText(), /read:user/)
    await assertPushes(local, 'fourth')
  })

  test('a good one takes over, and the old one may be deleted at the forge', async () => {
    await updateToken(await makeToken(forge, 'better', 'write'))
    await notice('Token updated').waitFor()
    await panel('Update Token').waitFor({ state: 'hidden' })
    const old = forge.getByRole('button', { name: /^Delete token (?!better|too little)/ })
    await forge.bringToFront()
    await old.click()
    await old.waitFor({ state: 'detached' })
    await page.bringToFront()
    await assertPushes(local, 'fifth')
  })

  test('Check now asks the forge', async () => {
    await page.getByRole('button', { name: `Check now: token of local at ${FORGE}` }).click()
    await notice('Checked: valid').waitFor()
    await becomes('local', 'valid')
  })

  test('a second runtime is in every window at once, and its key is shown once', async () => {
    idle = await profile.context.newPage()
    await idle.goto(`${urls.page}/tokens`)
    await row('local', idle).waitFor()
    await idle.evaluate('globalThis.neverReloaded = true')
    await page.bringToFront()

    await goTo('Runtimes')
    await page.getByRole('link', { name: 'Register runtime' }).click()
    await panel('Register runtime').getByLabel('Name', { exact: true }).fill('build')
    await panel('Register runtime').getByLabel('Description').fill('Builds of the main branch')
    await panel('Register runtime').getByRole('checkbox', { name: FORGE }).check()
    await panel('Register runtime').getByRole('button', { name: 'Register runtime' }).click()
    const shown = panel('Key of runtime build')
    const key = await shown.getByLabel('Runtime key', { exact: true }).inputValue()
    assert.match(key, /^csr_/)
    await shown.getByRole('button', { name: 'I have stored the key' }).click()
    await page.getByRole('heading', { name: 'build', exact: true }).waitFor()
    await page.reload()
    await page.getByRole('heading', { name: 'build', exact: true }).waitFor()
    assert.ok(!(await page.content()).includes(key))

    build = machineOf('build', ADA.email, home, {
      COUNTERSIGN_VAULT_URL: urls.vault,
      COUNTERSIGN_RUNTIME_KEY: key,
    })
    await row('build', idle).locator('[data-status=none]').waitFor()
  })

  test('the same token serves the second runtime', async () => {
    await goTo('Tokens', 'Git Personal Access Tokens')
    await openPanel('Add Token', 'build')
    const reuse = panel('Add Token').getByRole('radio', {
      name: 'Use the token you already have: alice',
    })
    assert.ok(await reuse.isChecked())
    await panel('Add Token').getByRole('button', { name: 'Use this token' }).click()
    await notice('Authorized').waitFor()
    await panel('Add Token').waitFor({ state: 'hidden' })
    await becomes('build', 'valid')
    await row('build', idle).locator('[data-status=valid]').waitFor()

    const cloned = await build.clone(urls.clone)
    assert.equal(cloned.code, 0, cloned.stderr)
    await assertPushes(build, 'sixth')
  })

  test('after Delete the very next push fails and says where to go', async (t) => {
    const shell = local.shell()
    t.after(() => shell.kill())
    const errors = text(shell.stderr)
    const said = createInterface({ input: shell.stdout })[Symbol.asyncIterator]()
    shell.stdin.write(`set -e\n${commitScript('seventh')}\ngit push --quiet\necho pushed\n`)
    assert.equal((await said.next()).value, 'pushed')
    shell.stdin.write(`${commitScript('eighth')}\n`)

    await page.getByRole('button', { name: `Delete token of local at ${FORGE}` }).click()
    const question = panel('Delete the token of local?')
    const words = await question.innerText()
    assert.match(words, /Pushes from runtime local to Sandbox forge as you \(alice\) will fail/)
    assert.match(words, /build still uses it/)
    await question.getByRole('button', { name: 'Delete', exact: true }).click()
    await notice('Deleted').waitFor()
    await becomes('local', 'none')
    await row('local', idle).locator('[data-status=none]').waitFor()

    shell.stdin.end('git push --quiet || echo refused\n')
    assert.equal((await said.next()).value, 'refused')
    const naming = (await errors).split('\n').filter((line) => line.includes('/tokens'))
    assert.equal(naming.length, 1, await errors)
    assert.match(naming[0] ?? '', /has not authorized runtime local for/)
    await page.goto(/\S+$/.exec(naming[0] ?? '')?.[0] ?? '')
    await panel('Add Token').getByText('local', { exact: true }).waitFor()
  })

  test('the other runtime still pushes', async () => {
    await assertPushes(build, 'ninth')
    assert.equal(await idle.evaluate('globalThis.neverReloaded'), true)
  })

  test('no token left the browser in the clear', async () => {
    const boxes = sent.filter((one) => one.method() === 'POST' && one.url().endsWith('/candidates'))
    assert.equal(boxes.length, tokens.length)
    const forms = tokens.flatMap(disguises)
    for (const request of sent) {
      const whole = [request.url(), request.postData(), JSON.stringify(request.headers())].join()
      assert.deepEqual(
        forms.filter((form) => whole.includes(form)),
        [],
        request.url(),
      )
    }
    const kept = await page.evaluate<string>('JSON.stringify([localStorage, sessionStorage])')
    assert.deepEqual(
      forms.filter((form) => kept.includes(form)),
      [],
    )
  })

  test('no token lies in a file', async () => {
    const names = await readdir(folder, { recursive: true, withFileTypes: true })
    const files = names.filter((entry) => entry.isFile())
    assert.ok(files.some((entry) => entry.parentPath === join(local.folder, '.git')))
    for (const { parentPath, name } of files) {
      const bytes = await readFile(join(parentPath, name)).catch(() => '')
      assert.ok(!tokens.some((token) => bytes.includes(token)), join(parentPath, name))
    }
  })

  test('nothing went wrong on the way', () => {
    assert.deepEqual(profile.complaints, [])
  })
})

async function loadedWidth(image: { decode(): Promise<void>; naturalWidth: number }) {
  await image.decode()
  return image.naturalWidth
}
