import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, afterEach, suite, test } from 'node:test'
import {
  type Endpoint,
  type EndpointName,
  EVENTS_PATH,
  endpoints,
  type Input,
  inputs,
  type Problem,
  type ProblemType,
  problemUri,
  type Result,
} from '../../src/contract/index.ts'
import { newRuntimeKey } from '../../src/runtimes/runtime-key.ts'
import { startCountersign } from '../harness/countersign.ts'
import { assertProblem } from '../harness/problems.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
/** Waits but a second for the rest of a request. */
const impatient = await startCountersign({ env: { COUNTERSIGN_REQUEST_TIMEOUT_SECONDS: '1' } })
after(() => impatient[Symbol.asyncDispose]())
const { admin, page_url, provider, vault_url } = countersign
const member = await countersign.person('bob')

const { runtime, key: runtime_key } = await countersign.runtime()

const ids = { id: randomUUID(), key_id: randomUUID(), runtime_id: randomUUID() }
const row = { runtime_id: runtime.id, provider_id: provider.id }

type Bodies = { [N in EndpointName as Input<N> extends { body: unknown } ? N : never]: object }

/** A body in good order for each endpoint that takes one. */
const bodies: Bodies = {
  signIn: { email: 'nobody@example.com', password: 'x' },
  updateAccount: { name: 'X' },
  changePassword: { current_password: 'x', new_password: 'long enough' },
  readInvite: { token: 'x' },
  acceptInvite: { token: 'x', name: 'X', email: 'x@example.com', password: 'long enough' },
  createCandidate: { id: ids.id, ...row, token: 'x' },
  beginAuthorization: {
    id: ids.id,
    ...row,
    state: 'x'.repeat(43),
    code_challenge: 'x'.repeat(43),
    code_verifier_box: 'x',
  },
  beginDeviceAuthorization: row,
  beginDeviceSignIn: { device_name: 'x' },
  redeemDeviceSignIn: { device_code: 'x' },
  readDeviceSignIn: { user_code: 'x' },
  answerDeviceSignIn: { user_code: 'x', approved: false },
  createRuntimeCandidate: { id: ids.id, ...row, token: 'x' },
  beginRuntimeAuthorization: {
    id: ids.id,
    ...row,
    state: 'x'.repeat(43),
    code_challenge: 'x'.repeat(43),
    code_verifier_box: 'x',
  },
  putClient: { id: ids.id, provider_id: provider.id, client_id: 'x', client_secret: 'x' },
  updateAuthorization: { notice_hidden: true },
  updateRuntimeProvider: { token_allowed: true },
  createAuthorization: { ...row, connection_id: ids.id },
  createProvider: { kind: 'gitea', name: 'X', base_url: 'https://forge.invalid' },
  updateProvider: { name: 'X' },
  createRuntime: { name: 'x', provider_ids: [] },
  updateRuntime: { description: 'x' },
  updatePerson: { role: 'member' },
  createInvite: { role: 'member' },
  issueCredential: { person: 'x@example.com', protocol: 'https', host: 'forge.invalid' },
  reportCredential: { person: 'x@example.com', protocol: 'https', host: 'forge.invalid' },
  readRepositoryAccess: {
    person: 'x@example.com',
    protocol: 'https',
    host: 'forge.invalid',
    path: 'acme/app.git',
  },
}

/** What any site can have a browser send without asking us first. */
const FORM_TYPES = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']

const queries: Record<string, string> = { getClientForm: `?provider_id=${provider.id}` }

const all: [string, Endpoint][] = Object.entries(endpoints)
const onServer = all.filter(([, { role }]) => role === 'server')
const callers = (...wanted: string[]) => all.filter(([, { caller }]) => wanted.includes(caller))

/** Calls an endpoint with input in good order. */
function call(
  [name, endpoint]: [string, Endpoint],
  headers: Record<string, string> = {},
  type = 'application/json',
) {
  const path = endpoint.path.replace(/\{(\w+)\}/g, (_, param: string) =>
    param === 'provider_id' ? provider.id : (ids[param as keyof typeof ids] ?? ''),
  )
  const body = name in bodies ? JSON.stringify(bodies[name as keyof Bodies]) : null
  return fetch((endpoint.role === 'vault' ? vault_url : page_url) + path + (queries[name] ?? ''), {
    method: endpoint.method,
    headers: { ...headers, ...(body === null ? {} : { 'content-type': type }) },
    body,
  })
}

function post(
  path: string,
  body: NonNullable<RequestInit['body']>,
  headers: Record<string, string> = {},
) {
  return fetch(page_url + path, {
    method: 'POST',
    headers: { cookie: admin.cookie, 'content-type': 'application/json', ...headers },
    body,
    duplex: 'half',
  })
}

const get = (path: string) => fetch(page_url + path, { headers: { cookie: admin.cookie } })

afterEach(async () => {
  for (const url of [page_url, vault_url, impatient.page_url, impatient.vault_url]) {
    assert.equal((await fetch(`${url}/readyz`)).status, 200, 'it no longer answers')
  }
})

suite('a body that is not what is expected', () => {
  const runtime = { name: 'x', provider_ids: [] }
  const candidate = bodies.createCandidate
  const cases: [name: string, path: string, body: string][] = [
    ['cut short', '/api/v1/runtimes', '{"name":"x"'],
    ['no JSON', '/api/v1/runtimes', 'name=x'],
    ['nothing', '/api/v1/runtimes', ''],
    ['null', '/api/v1/runtimes', 'null'],
    ['a list', '/api/v1/runtimes', '[]'],
    ['a text', '/api/v1/runtimes', '"x"'],
    ['very deep', '/api/v1/runtimes', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['a prototype', '/api/v1/runtimes', '{"name":"x","provider_ids":[],"__proto__":{"a":1}}'],
    ['a missing field', '/api/v1/runtimes', '{"name":"x"}'],
    ['a number for a text', '/api/v1/runtimes', json({ ...runtime, name: 5 })],
    ['a text for a list', '/api/v1/runtimes', json({ ...runtime, provider_ids: 'x' })],
    ['an unknown field', '/api/v1/runtimes', json({ ...runtime, owner: 'x' })],
    ['an id that is none', '/api/v1/runtimes', json({ ...runtime, provider_ids: ['x'] })],
    ['a name with spaces', '/api/v1/runtimes', json({ ...runtime, name: 'a b' })],
    ['U+0000 in a text', '/api/v1/runtimes', json({ ...runtime, description: 'a\u0000b' })],
    ['a long text', '/api/v1/runtimes', json({ ...runtime, description: 'x'.repeat(401) })],
    ['a role that is none', '/api/v1/invites', json({ role: 'root' })],
    ['no e-mail address', '/api/v1/invites', json({ role: 'member', email: 'x' })],
    ['no date', '/api/v1/candidates', json({ ...candidate, expires_at: 'tomorrow' })],
    ['a day that is not', '/api/v1/candidates', json({ ...candidate, expires_at: day('02-31') })],
    ['a month that is not', '/api/v1/candidates', json({ ...candidate, expires_at: day('13-01') })],
    [
      'a leap second',
      '/api/v1/candidates',
      json({ ...candidate, expires_at: '2016-12-31T23:59:60Z' }),
    ],
  ]
  for (const [name, path, body] of cases) {
    test(name, async () => assertProblem(await post(path, body), 'request-invalid'))
  }

  test('a Git host named twice, which counts once', async () => {
    const provider_ids = [provider.id, provider.id]
    const response = await post('/api/v1/runtimes', json({ name: 'twice', provider_ids }))
    assert.equal(response.status, 201)
    const { runtime } = (await response.json()) as Result<'createRuntime'>
    assert.deepEqual(
      runtime.providers.map(({ id }) => id),
      [provider.id],
    )
    const params = { id: runtime.id }
    const again = await admin.api.updateRuntime({ params, body: { provider_ids } })
    assert.deepEqual(again, runtime)
  })

  test('U+0000 in an e-mail address', async () => {
    const body = json({ ...bodies.signIn, email: 'a\u0000@example.com' })
    await assertProblem(await post('/api/v1/session', body), 'request-invalid')
  })

  test('names the place and changes nothing', async () => {
    const before = await admin.api.listRuntimes({})
    const response = await post('/api/v1/runtimes', json({ ...runtime, provider_ids: [7] }))
    const { detail, errors } = (await response.clone().json()) as Problem
    assert.equal(errors?.[0]?.pointer, '/provider_ids/0')
    assert.equal(detail, 'In the body, at /provider_ids/0: Send it as JSON of the type string.')
    await assertProblem(response, 'request-invalid')
    assert.deepEqual(await admin.api.listRuntimes({}), before)
  })

  test('says that there is more than one place', async () => {
    const response = await post('/api/v1/runtimes', json({ name: 5, provider_ids: [7] }))
    const { detail } = (await response.json()) as Problem
    assert.match(detail, /^In the body, at \/name: .* More is wrong, too: see `errors`\.$/)
  })

  for (const type of FORM_TYPES) {
    test(`of media type ${type}`, async () => {
      const response = await post('/api/v1/runtimes', json(runtime), { 'content-type': type })
      await assertProblem(response, 'media-type-unsupported')
    })
  }

  test('without a media type', async () => {
    const body = new Blob([json(runtime)])
    const headers = { cookie: admin.cookie }
    const response = await fetch(`${page_url}/api/v1/runtimes`, { method: 'POST', headers, body })
    assert.equal((await problemOf(response)).status, 415)
  })

  test('too large, by its length', async () => {
    const body = json({ ...runtime, description: 'x'.repeat(300 * 1024) })
    await assertProblem(await post('/api/v1/runtimes', body), 'body-too-large')
  })

  test('too large, in parts', async () => {
    const part = new Uint8Array(16 * 1024).fill(0x20)
    const body = new ReadableStream({ pull: (parts) => parts.enqueue(part) })
    const response = await post('/api/v1/runtimes', body).catch((error: Error) => error)
    // The rest is not read: the sender sees the answer, or only that the connection ended.
    if (response instanceof Response) await assertProblem(response, 'body-too-large')
    else assert.match(String(response.cause), /EPIPE|ECONNRESET|other side closed/)
  })
})

suite('a query that is not what is expected', () => {
  const lists = onServer.filter(([, { result }]) => 'next_cursor' in propertiesOf(result))
  const cursors = ['x', 'e30', ...[['x', 'y'], ['x', 'y', 'z'], ['\u0000'], [[], {}]].map(encode)]
  const queries = [
    'limit=0',
    'limit=101',
    'limit=-1',
    'limit=many',
    'limit=1&limit=2',
    'offset=3',
    `q=${'x'.repeat(81)}`,
    ...cursors.map((cursor) => `cursor=${cursor}`),
    `cursor=${encode(['99999999999999999999', 'x', 'y'])}`,
    `cursor=${encode(['0001-01-01T00:00:00.000Z', '99999999999999999999'])}`,
    `cursor=${'x'.repeat(401)}`,
  ]
  for (const [name, { path }] of lists) {
    test(name, async () => {
      for (const query of queries) {
        await assertProblem(await get(`${path}?${query}`), 'request-invalid')
      }
    })
  }

  test('is told in one sentence', async () => {
    const { detail } = (await (await get('/api/v1/runtimes?limit=0')).json()) as Problem
    assert.equal(detail, 'In the query, at /limit: Use 1 or more.')
  })

  test('U+0000 among the words to find', async () => {
    await assertProblem(await get('/api/v1/access?q=%00'), 'request-invalid')
  })
})

suite('an address that leads nowhere', () => {
  const cases: [method: string, path: string, type: ProblemType][] = [
    ['GET', '/api/v1/nothing', 'not-found'],
    ['POST', '/', 'not-found'],
    ['PUT', '/api/v1/session', 'not-found'],
    ['POST', '/api/v1/access', 'not-found'],
    ['DELETE', '/api/v1/runtimes', 'not-found'],
    ['GET', '/api/v1/runtimes/not-an-id', 'request-invalid'],
    ['GET', '/api/v1/runtimes/%00', 'request-invalid'],
    ['GET', '/api/v1/runtimes/..%2f..%2fpeople', 'request-invalid'],
    ['GET', `/api/v1/runtimes/${'1'.repeat(150)}`, 'request-invalid'],
    ['GET', `/api/v1/runtimes/${'1'.repeat(1500)}`, 'not-found'],
    ['GET', '/api/v1/runtimes/%zz', 'not-found'],
    ['GET', '/api/v1/connections/not-an-id/avatar', 'not-found'],
    ['GET', '/api/v1/connections/------------------------------------/avatar', 'not-found'],
    ['GET', `/api/v1/runtimes/${ids.id}`, 'not-found'],
  ]
  for (const [method, path, type] of cases) {
    test(`${method} ${path.slice(0, 80)}`, async () => {
      const headers = { cookie: admin.cookie }
      await assertProblem(await fetch(page_url + path, { method, headers }), type)
    })
  }

  test('at the vault', async () => {
    await assertProblem(await fetch(`${vault_url}/api/v1/session`), 'not-found')
    await assertProblem(await fetch(`${vault_url}/%zz`), 'not-found')
  })
})

suite('who may call', () => {
  for (const endpoint of callers('person', 'admin')) {
    test(`${endpoint[0]}: nobody who is not signed in`, async () => {
      await assertProblem(await call(endpoint), 'not-signed-in')
      const [name = '', value = ''] = admin.cookie.split('=')
      const forged = `${name}=${value.slice(0, -12)}${'A'.repeat(12)}`
      await assertProblem(await call(endpoint, { cookie: forged }), 'not-signed-in')
    })
  }

  test('who calls is asked before what they send is looked at', async () => {
    for (const [name, { method, path, caller, role }] of callers('person', 'admin', 'runtime')) {
      if (!(name in bodies)) continue
      const response = await fetch((role === 'vault' ? vault_url : page_url) + path, {
        method,
        headers: { 'content-type': 'application/json' },
        body: '{"unknown":1}',
      })
      await assertProblem(response, caller === 'runtime' ? 'runtime-key-invalid' : 'not-signed-in')
    }
  })

  for (const [name, { method, path, body }] of callers('runtime')) {
    test(`${name}: a key that nobody knows is told nothing of the form`, async () => {
      const answerTo = (key: string) => {
        const authorization = `Bearer ${key}`
        if (body === undefined) {
          return fetch(`${vault_url}${path}?unknown=1`, { headers: { authorization } })
        }
        const headers = { authorization, 'content-type': 'application/json' }
        return fetch(vault_url + path, { method, headers, body: '{"unknown":1}' })
      }
      await assertProblem(await answerTo(runtime_key), 'request-invalid')
      for (const unknown of ['csr_x', newRuntimeKey()]) {
        await assertProblem(await answerTo(unknown), 'runtime-key-invalid')
      }
    })
  }

  for (const endpoint of callers('admin')) {
    test(`${endpoint[0]}: no member`, async () => {
      const before = await denials()
      const response = await call(endpoint, { cookie: member.cookie })
      await assertProblem(response, 'not-an-administrator')
      assert.equal(await denials(), before + 1)
    })
  }

  for (const endpoint of callers('runtime')) {
    test(`${endpoint[0]}: nobody without a runtime key`, async () => {
      for (const authorization of ['', 'Basic eDp5', 'Bearer x', `Bearer csr_${'A'.repeat(49)}`]) {
        await assertProblem(await call(endpoint, { authorization }), 'runtime-key-invalid')
      }
      await assertProblem(await call(endpoint, { cookie: admin.cookie }), 'runtime-key-invalid')
    })
  }

  for (const endpoint of onServer.filter(([, { method }]) => method !== 'GET')) {
    test(`${endpoint[0]}: no other site`, async () => {
      const before = await audited()
      for (const headers of [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { origin: `${page_url}.evil.example` },
        { origin: page_url.replace('http:', 'https:') },
        { origin: page_url.replace(/:\d+$/, ':1') },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'cross-site', origin: page_url },
        { 'sec-fetch-site': 'same-site', origin: page_url },
        { 'sec-fetch-site': 'none' },
      ]) {
        for (const cookie of [admin.cookie, '']) {
          const response = await call(endpoint, { cookie, ...headers })
          await assertProblem(response, 'origin-not-allowed')
        }
      }
      assert.equal(await audited(), before)
    })

    test(`${endpoint[0]}: our own pages, and who is no browser`, async () => {
      for (const headers of [
        {},
        { origin: page_url },
        { 'sec-fetch-site': 'same-origin' },
        { 'sec-fetch-site': 'same-origin', origin: page_url },
      ]) {
        // Without a session nothing is changed, and who calls is asked for after the site.
        const answer = await (await call(endpoint, headers)).text()
        assert.ok(!answer.includes(problemUri('origin-not-allowed')), answer)
      }
    })
  }

  for (const endpoint of all.filter(([, { body }]) => body !== undefined)) {
    test(`${endpoint[0]}: no form of another site`, async () => {
      for (const type of FORM_TYPES) {
        const response = await call(endpoint, { cookie: admin.cookie }, type)
        await assertProblem(response, 'media-type-unsupported')
      }
    })
  }

  test('the event stream and pictures: nobody who is not signed in', async () => {
    for (const path of [EVENTS_PATH, `/api/v1/connections/${ids.id}/avatar`]) {
      await assertProblem(await fetch(page_url + path), 'not-signed-in')
    }
  })

  test('our own pages', async () => {
    const headers = { origin: page_url, 'sec-fetch-site': 'same-origin' }
    const response = await post('/api/v1/invites', json({ role: 'member' }), headers)
    assert.equal(response.status, 201)
  })

  test('every input that an endpoint takes was tried', () => {
    assert.deepEqual(
      all.flatMap(([name, { body }]) => (body === undefined ? [] : [name])).sort(),
      Object.keys(bodies).sort(),
    )
    assert.ok(Object.keys(inputs).every((name) => name in bodies))
  })
})

suite('a connection', () => {
  const head = `POST /api/v1/runtimes HTTP/1.1\r\nhost: ${new URL(page_url).host}\r\n`
  const json = 'content-type: application/json\r\n'
  const cases: [name: string, sent: string | Uint8Array, status: number][] = [
    ['on which nobody speaks HTTP', 'hello\r\n\r\n', 400],
    ['on which somebody speaks TLS', Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3), 400],
    ['with a header that goes on and on', `${head}x: ${'x'.repeat(70_000)}\r\n\r\n`, 400],
    ['with two lengths', `${head}content-length: 1\r\ncontent-length: 2\r\n\r\n`, 400],
    [
      'with a length and chunks',
      `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['that stops within the first line', 'POST /api/v1/run', 408],
    ['that stops within the headers', `${head}x: y\r\n`, 408],
    ['that stops within the body', `${head}${json}content-length: 99\r\n\r\n{"name":`, 408],
    [
      'that stops between chunks',
      `${head}${json}transfer-encoding: chunked\r\n\r\n1\r\n{\r\n`,
      408,
    ],
  ]
  for (const [name, sent, status] of cases) {
    const asked = status === 408 ? impatient : countersign
    for (const [role, url] of [
      ['server', asked.page_url],
      ['vault', asked.vault_url],
    ]) {
      test(`${name} (${role})`, async () => {
        const [headers = '', body = ''] = (await exchange(url ?? '', sent)).split('\r\n\r\n')
        assert.match(headers, new RegExp(`^HTTP/1.1 ${status} `))
        assert.match(headers, /content-type: application\/problem\+json/)
        assert.equal(JSON.parse(body).status, status)
      })
    }
  }

  test('opened a hundred times and left alone keeps nobody out', async () => {
    const { hostname, port } = new URL(page_url)
    const sockets = Array.from({ length: 100 }, () => connect(Number(port), hostname))
    assert.equal((await get('/api/v1/session')).status, 200)
    for (const socket of sockets) socket.destroy()
  })
})

/** All that the other side says until it ends the connection. */
async function exchange(url: string, sent: string | Uint8Array): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(sent)
  return await text(socket)
}

/** How much was written down so far. */
async function audited(): Promise<number> {
  const rows = await countersign.database.db.selectFrom('audit').select('id').execute()
  return rows.length
}

async function denials(): Promise<number> {
  const { db } = countersign.database
  const rows = await db
    .selectFrom('audit')
    .select('id')
    .where('outcome', '=', 'denied')
    .where('actor_name', '=', member.person.email)
    .execute()
  return rows.length
}

function propertiesOf(schema: Endpoint['result']): object {
  return (schema as { properties?: object } | null)?.properties ?? {}
}

async function problemOf(response: Response): Promise<{ status: number }> {
  assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/)
  return (await response.json()) as { status: number }
}

function json(value: unknown): string {
  return JSON.stringify(value)
}

function day(monthAndDay: string): string {
  return `2027-${monthAndDay}T00:00:00Z`
}

function encode(values: unknown): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url')
}
