import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Browser, createBrowser } from '../forge/browser.ts'
import { git, temporaryFolder, withCredential } from '../forge/git.ts'
import { bearer, runSandbox } from './running-sandbox.ts'

const SIGN_IN = { user_name: 'alice', password: 'alice-demo' }
const TOKENS = '/user/settings/applications'

async function signedIn(url: string): Promise<Browser> {
  const browser = createBrowser(url)
  await browser.submit(await browser.open('/user/login'), '/user/login', SIGN_IN)
  return browser
}

test('the sign-in page offers the demo account, and leads to where one wanted to go', async () => {
  await using sandbox = await runSandbox()
  const browser = createBrowser(sandbox.url)
  const page = await browser.open(`${TOKENS}?name=work`)
  assert.match(page.text, /alice-demo/)
  const refused = await browser.submit(page, '/user/login', { ...SIGN_IN, password: 'no' })
  assert.deepEqual([refused.status, refused.text.includes('That did not match')], [401, true])
  const inside = await browser.submit(refused, '/user/login', SIGN_IN)
  assert.equal(inside.url, `${sandbox.url}${TOKENS}?name=work`)
})

test('signing in never leads to another site', async () => {
  await using sandbox = await runSandbox()
  const elsewhere = [
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/.//evil.example',
  ]
  for (const redirect_to of elsewhere) {
    const browser = createBrowser(sandbox.url)
    const page = await browser.open(`/user/login?redirect_to=${encodeURIComponent(redirect_to)}`)
    assert.equal((await browser.submit(page, '/user/login', SIGN_IN)).url, `${sandbox.url}/`)
  }
})

test('a browser is signed in at two forges on one machine', async () => {
  await using one = await runSandbox()
  await using other = await runSandbox()
  const cookies = new Map<string, string>()
  const browsers = [createBrowser(one.url, cookies), createBrowser(other.url, cookies)]
  for (const browser of browsers) {
    await browser.submit(await browser.open('/user/login'), '/user/login', SIGN_IN)
  }
  for (const browser of browsers) assert.match((await browser.open(TOKENS)).url, /\/applications$/)
})

test('a token is generated from a prepared link, shown once, works, and can be deleted', async () => {
  await using sandbox = await runSandbox()
  const browser = await signedIn(sandbox.url)
  const prepared = await browser.open(`${TOKENS}?name=work&scopes=read:user,write:repository`)
  const page = await browser.submit(prepared, TOKENS, {})
  const [token = ''] = /\b[0-9a-f]{40}\b/.exec(page.text) ?? []
  assert.match(page.text, /Your new token: work/)
  const response = await fetch(`${sandbox.url}/api/v1/admin/cron`, { headers: bearer(token) })
  assert.match(await response.text(), /token scope=write:repository,read:user"/)

  const again = await browser.open(TOKENS)
  assert.ok(!again.text.includes(token))
  await browser.submit(again, `${TOKENS}/delete`, {})
  const gone = await fetch(`${sandbox.url}/api/v1/user`, { headers: bearer(token) })
  assert.equal(gone.status, 401)
})

test('a token needs a name of its own and something it may do', async () => {
  await using sandbox = await runSandbox()
  const browser = await signedIn(sandbox.url)
  const page = await browser.open(`${TOKENS}?name=work`)
  const idle = await browser.submit(page, TOKENS, { name: 'idle', scope: '' })
  assert.deepEqual([idle.status, idle.text.includes('The token may do nothing')], [422, true])
  await browser.submit(page, TOKENS, { scope: 'read:user' })
  const twice = await browser.submit(page, TOKENS, { scope: 'read:user' })
  assert.deepEqual([twice.status, twice.text.includes('already have a token')], [422, true])
})

test('an application is registered, its secret shown once, and it can be deleted', async () => {
  await using sandbox = await runSandbox()
  const browser = await signedIn(sandbox.url)
  const path = '/user/settings/oauth2'
  const form = await browser.open(`${path}?name=cs&redirect_uri=https://cs.example/callback`)
  const page = await browser.submit(form, path, {})
  assert.match(page.text, /id="client-secret">gto_[0-9a-f]{64}</)
  const again = await browser.open(path)
  assert.ok(again.text.includes('https://cs.example/callback') && !again.text.includes('gto_'))
  const empty = await browser.submit(again, `${path}/delete`, {})
  assert.match(empty.text, /not registered any application yet/)
  const bad = await browser.submit(empty, path, { name: 'cs', redirect_uris: 'nowhere' })
  assert.equal(bad.status, 422)
})

test('a form from somewhere else is refused', async () => {
  await using sandbox = await runSandbox()
  const browser = await signedIn(sandbox.url)
  const page = await browser.open(TOKENS)
  const forged = await browser.submit(page, TOKENS, { name: 'forged', form_token: 'forged' })
  assert.equal(forged.status, 403)
  const anonymous = await fetch(`${sandbox.url}/user/login`, {
    method: 'POST',
    body: new URLSearchParams(SIGN_IN),
  })
  assert.equal(anonymous.status, 403)
})

test('a repository shows author and pusher of each commit, escaped', async () => {
  await using sandbox = await runSandbox()
  await using folder = await temporaryFolder()
  const token = await sandbox.createToken('push', ['write:repository'])
  const url = withCredential(sandbox.url, '/alice/hello', 'x', token)
  await git(folder.path, 'clone', '--quiet', url, '.')
  await git(folder.path, 'commit', '--quiet', '--allow-empty', '--message', '<script>alert(1)')
  await git(folder.path, 'push', '--quiet')
  const page = await createBrowser(sandbox.url).open('/alice/hello')
  assert.match(page.text, /&lt;script&gt;alert\(1\)/)
  assert.match(page.text, /Someone &lt;someone@example\.com&gt;/)
  assert.match(page.text, /pushed by <a class="who" href="\/alice"><img/)
  assert.match(page.text, /README\.md/)
})

test('a private repository is there for its owner only', async () => {
  await using sandbox = await runSandbox()
  assert.equal((await createBrowser(sandbox.url).open('/alice/private-notes')).status, 404)
  const browser = await signedIn(sandbox.url)
  assert.equal((await browser.open('/alice/private-notes')).status, 200)
})

test('a new repository can be created and is then there to clone', async () => {
  await using sandbox = await runSandbox()
  await using folder = await temporaryFolder()
  const browser = await signedIn(sandbox.url)
  const form = await browser.open('/repo/create')
  const page = await browser.submit(form, '/repo/create', { name: 'fresh', auto_init: 'yes' })
  assert.equal(page.url, `${sandbox.url}/alice/fresh`)
  await git(folder.path, 'clone', '--quiet', `${sandbox.url}/alice/fresh.git`)
  const taken = await browser.submit(form, '/repo/create', { name: 'fresh' })
  assert.deepEqual([taken.status, taken.text.includes('already have a repository')], [422, true])
})

test('signing out ends the session', async () => {
  await using sandbox = await runSandbox()
  const browser = await signedIn(sandbox.url)
  await browser.submit(await browser.open('/'), '/user/logout', {})
  assert.match((await browser.open('/')).url, /\/user\/login/)
})

test('avatars are pictures that depend on the account only', async () => {
  await using sandbox = await runSandbox()
  const picture = async (hash: string) => {
    const response = await fetch(`${sandbox.url}/avatars/${hash}`)
    assert.equal(response.headers.get('content-type'), 'image/png')
    return Buffer.from(await response.arrayBuffer())
  }
  const one = await picture('one')
  assert.equal(one.subarray(1, 4).toString(), 'PNG')
  assert.deepEqual(one, await picture('one'))
  assert.notDeepEqual(one, await picture('two'))
})
