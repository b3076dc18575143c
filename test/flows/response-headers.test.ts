import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { callbackPath, EVENTS_PATH } from '../../src/contract/index.ts'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { PASSWORD } from '../harness/person.ts'

/** What every answer tells a browser not to do. */
const plain = await startCountersign()
after(() => plain[Symbol.asyncDispose]())
const behindTls = await startCountersign({
  env: { COUNTERSIGN_PAGE_URL: 'https://countersign.example' },
})
after(() => behindTls[Symbol.asyncDispose]())

const PAGES = ['/', '/tokens', '/sign-in', '/invite', '/device', '/admin/runtimes', '/nowhere']

const addressOf = ({ server_urls }: Countersign) => server_urls[0] ?? ''

function get(countersign: Countersign, path: string): Promise<Response> {
  const headers = { cookie: countersign.admin.cookie }
  return fetch(addressOf(countersign) + path, { headers, redirect: 'manual' })
}

/** One of each kind of answer that a browser may be given. */
async function someAnswers(countersign: Countersign): Promise<[path: string, status: number][]> {
  const page = await (await get(countersign, '/')).text()
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(page)?.[1] ?? assert.fail('no script')
  return [
    ['/', 200],
    [script, 200],
    ['/assets/nothing.js', 404],
    ['/api/v1/session', 200],
    ['/api/v1/nothing', 404],
    ['/api/v1/runtimes/not-an-id', 400],
    [`${callbackPath(countersign.provider.id)}?state=x`, 303],
    ['/readyz', 200],
    [EVENTS_PATH, 200],
  ]
}

suite('a page', () => {
  for (const path of PAGES) {
    test(`${path} says what may be loaded, sent and shown, and where`, async () => {
      const response = await get(plain, path)
      assert.equal(response.status, 200)
      assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
      assert.equal(response.headers.get('cache-control'), 'no-store')
      const policy = response.headers.get('content-security-policy') ?? ''
      const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? assert.fail(policy)
      assert.ok(Buffer.from(nonce, 'base64').length >= 16, nonce)
      assert.deepEqual(directivesOf(policy), {
        'default-src': "'self'",
        'script-src': "'self'",
        'style-src': `'self' 'nonce-${nonce}'`,
        'img-src': "'self' data:",
        'connect-src': "'self'",
        'object-src': "'none'",
        'frame-ancestors': "'none'",
        'base-uri': "'none'",
        'form-action': "'self'",
      })
      const page = await response.text()
      assert.ok(page.includes(nonce))
      // Without a nonce of its own, a script in the page would not run: there is none.
      for (const [, attributes, code] of page.matchAll(/<script([^>]*)>([^<]*)/g)) {
        // Data for the scripts: nothing in it is run.
        if (attributes?.startsWith(' type="application/json"')) continue
        assert.match(attributes ?? '', /src="\//)
        assert.equal(code, '')
      }
    })
  }

  test('has another nonce each time', async () => {
    const policies = await Promise.all(
      PAGES.map(async (path) => (await get(plain, path)).headers.get('content-security-policy')),
    )
    assert.equal(new Set(policies).size, PAGES.length)
  })
})

for (const [name, countersign, transport] of [
  ['HTTP', plain, null],
  ['HTTPS', behindTls, 'max-age=31536000'],
] as const) {
  test(`every answer is taken for what it is and names nobody, with pages on ${name}`, async () => {
    for (const [path, status] of await someAnswers(countersign)) {
      const answer = await get(countersign, path)
      assert.equal(answer.status, status, path)
      const { headers } = answer
      await answer.body?.cancel()
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path)
      assert.equal(headers.get('referrer-policy'), 'no-referrer', path)
      assert.equal(headers.get('strict-transport-security'), transport, path)
      assert.equal(headers.get('access-control-allow-origin'), null, path)
      assert.equal(headers.get('x-powered-by'), null, path)
      assert.equal(headers.get('server'), null, path)
    }
  })
}

test('so is the one to an address that cannot be read, by pages and vaults', async () => {
  for (const url of [plain.page_url, plain.vault_url]) {
    const answer = await fetch(`${url}/%zz`)
    assert.equal(answer.status, 404)
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  }
})

test('what the API says is kept nowhere', async () => {
  for (const path of ['/api/v1/session', '/api/v1/access', '/api/v1/nothing', '/api/v1/events/x']) {
    assert.equal((await get(plain, path)).headers.get('cache-control'), 'no-store', path)
  }
})

test('the cookie of a session is for this host alone, for its time, and none after it', async () => {
  for (const [countersign, name, secure] of [
    [plain, `countersign-${new URL(plain.page_url).port}.session_token`, []],
    [behindTls, '__Host-countersign.session_token', ['Secure']],
  ] as const) {
    const [given, ...more] = await cookiesOf(countersign, 'POST')
    assert.deepEqual(more, [])
    const attributes = ['HttpOnly', 'Max-Age=1209600', 'Path=/', 'SameSite=Lax', ...secure]
    assert.deepEqual([given?.name, given?.attributes], [name, attributes])
    assert.ok(given?.value)

    const taken = await cookiesOf(countersign, 'DELETE', `${name}=${given.value}`)
    const over = taken.find((cookie) => cookie.name === name)
    assert.deepEqual(
      [over?.value, over?.attributes],
      ['', ['HttpOnly', 'Max-Age=0', 'Path=/', 'SameSite=Lax', ...secure]],
    )
  }
})

function directivesOf(policy: string): Record<string, string> {
  return Object.fromEntries(
    policy.split('; ').map((directive) => {
      const [name = '', ...sources] = directive.split(' ')
      return [name, sources.join(' ')]
    }),
  )
}

/** Signs in (`POST`) or out (`DELETE`). @returns the cookies that are set */
async function cookiesOf(countersign: Countersign, method: 'POST' | 'DELETE', cookie?: string) {
  const { email } = countersign.admin.person
  const response = await fetch(`${addressOf(countersign)}/api/v1/session`, {
    method,
    headers: {
      origin: countersign.page_url,
      ...(cookie === undefined ? { 'content-type': 'application/json' } : { cookie }),
    },
    body: cookie === undefined ? JSON.stringify({ email, password: PASSWORD }) : null,
  })
  assert.ok(response.ok, await response.text())
  return response.headers.getSetCookie().map((text) => {
    const [pair = '', ...attributes] = text.split('; ')
    const equals = pair.indexOf('=')
    return {
      name: pair.slice(0, equals),
      value: pair.slice(equals + 1),
      attributes: attributes.toSorted(),
    }
  })
}
