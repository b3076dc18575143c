import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { exchangeCode, refresh, type TokenEndpoint, TokenEndpointError } from './token-endpoint.ts'

const GRANTED = {
  access_token: 'access',
  token_type: 'bearer',
  expires_in: 3600,
  refresh_token: 'refresh',
  scope: 'read write',
}
const AS_GRANTED = {
  access_token: 'access',
  refresh_token: 'refresh',
  expires_in: 3600,
  refresh_token_expires_in: null,
  scopes: ['read', 'write'],
}

function endpoint(answer: () => Response, more: Partial<TokenEndpoint> = {}): TokenEndpoint {
  return {
    issuer: 'https://forge.example.com',
    token_endpoint: 'https://forge.example.com/token',
    client: { client_id: 'id', client_secret: 'secret' },
    client_authentication: 'client_secret_post',
    dead_grant_errors: [],
    misconfigured_errors: [],
    transient_errors: [],
    blocked_errors: [],
    fetch: async () => answer(),
    ...more,
  }
}

const ask = (answer: () => Response, more?: Partial<TokenEndpoint>) =>
  refresh(endpoint(answer, more), 'old', {})

/** What came instead of a token. */
async function failure(answer: () => Response, more?: Partial<TokenEndpoint>) {
  return await ask(answer, more).then(
    () => assert.fail('there is a token'),
    (error: unknown) => {
      assert.ok(error instanceof TokenEndpointError, String(error))
      return error
    },
  )
}

suite('an answer with tokens in it is read', () => {
  const without = (name: keyof typeof GRANTED) => {
    const { [name]: _, ...rest } = GRANTED
    return rest
  }
  const answers: [string, object, object][] = [
    ['as RFC 6749 has it', GRANTED, {}],
    ['without expires_in', without('expires_in'), { expires_in: null }],
    ['with expires_in as text', { ...GRANTED, expires_in: '3600' }, {}],
    ['with expires_in as a word', { ...GRANTED, expires_in: 'soon' }, { expires_in: null }],
    ['with a negative expires_in', { ...GRANTED, expires_in: -1 }, { expires_in: null }],
    ['with expires_in 0', { ...GRANTED, expires_in: 0 }, { expires_in: null }],
    ['with expires_in null', { ...GRANTED, expires_in: null }, { expires_in: null }],
    ['with expires_in as a list', { ...GRANTED, expires_in: [1] }, { expires_in: null }],
    ['with a huge expires_in', { ...GRANTED, expires_in: 1e300 }, { expires_in: 3_153_600_000 }],
    [
      'with a huge refresh_token_expires_in as text',
      { ...GRANTED, refresh_token_expires_in: '99999999999999999999' },
      { refresh_token_expires_in: 3_153_600_000 },
    ],
    [
      'with a refresh_token_expires_in',
      { ...GRANTED, refresh_token_expires_in: 15_811_200 },
      { refresh_token_expires_in: 15_811_200 },
    ],
    ['without refresh_token', without('refresh_token'), { refresh_token: null }],
    ['with an empty refresh_token', { ...GRANTED, refresh_token: '' }, { refresh_token: null }],
    ['with refresh_token null', { ...GRANTED, refresh_token: null }, { refresh_token: null }],
    ['without scope', without('scope'), { scopes: null }],
    ['with scope between commas', { ...GRANTED, scope: 'read,write' }, {}],
    ['with scope as a list', { ...GRANTED, scope: ['read', 'write'] }, {}],
    ['with scopes instead', { ...without('scope'), scopes: 'read write' }, {}],
    ['with an empty scope', { ...GRANTED, scope: '' }, { scopes: null }],
    ['with scope null', { ...GRANTED, scope: null }, { scopes: null }],
    ['with a scope that is none', { ...GRANTED, scope: 'read write a\0b \u001b"' }, {}],
    ['with scope as a number', { ...GRANTED, scope: 7 }, { scopes: null }],
    ['without token_type', without('token_type'), {}],
    ['with token_type Bearer', { ...GRANTED, token_type: 'Bearer' }, {}],
    ['with token_type null', { ...GRANTED, token_type: null }, {}],
    ['with refresh_token as a number', { ...GRANTED, refresh_token: 7 }, { refresh_token: null }],
    ['with an id_token that is none', { ...GRANTED, id_token: 'x' }, {}],
    ['with more in it', { ...GRANTED, created_at: 1, [`${'x'.repeat(99)}`]: {} }, {}],
  ]
  for (const [name, answer, differs] of answers) {
    test(name, async () => {
      assert.deepEqual(await ask(() => Response.json(answer)), { ...AS_GRANTED, ...differs })
    })
  }

  test('with status 201', async () => {
    assert.deepEqual(await ask(() => Response.json(GRANTED, { status: 201 })), AS_GRANTED)
  })

  for (const type of ['application/vnd.forge+json;charset=utf-8', 'text/plain', 'text/html']) {
    test(`as JSON that says it is ${type}`, async () => {
      const headers = { 'content-type': type }
      const { token_type: _, ...granted } = { ...GRANTED, scope: ['read', 'write'] }
      const answer = () => new Response(JSON.stringify(granted), { headers })
      assert.deepEqual(await ask(answer), AS_GRANTED)
    })
  }
})

suite('an answer that says nothing says nothing about the grant', () => {
  const html = { 'content-type': 'text/html' }
  const json = { 'content-type': 'application/json' }
  const answers: [string, () => Response][] = [
    ['HTML', () => new Response('<h1>Welcome</h1>', { headers: html })],
    ['HTML with status 401', () => new Response('<h1>Who?</h1>', { status: 401, headers: html })],
    ['HTML with status 400', () => new Response('<h1>Oh</h1>', { status: 400, headers: html })],
    ['half of a document', () => new Response('{"access_token":"a', { headers: json })],
    ['a list', () => Response.json([GRANTED])],
    ['null', () => Response.json(null)],
    ['nothing', () => new Response(null, { status: 204 })],
    ['a document without tokens', () => Response.json({ token_type: 'bearer' })],
    ['a number for a token', () => Response.json({ ...GRANTED, access_token: 1 })],
    ['an empty token', () => Response.json({ ...GRANTED, access_token: '' })],
    ['tokens of another type', () => Response.json({ ...GRANTED, token_type: 'mac' })],
    ['status 500', () => Response.json({ message: 'oh' }, { status: 500 })],
    ['status 503 with an error of ours', () => Response.json({ error: 'x' }, { status: 503 })],
    ['a redirect', () => new Response(null, { status: 302, headers: { location: '/' } })],
    ['an error that is none', () => Response.json({ error: { code: 1 } }, { status: 400 })],
    ['an unknown error', () => Response.json({ error: 'slow_down' }, { status: 400 })],
  ]
  for (const [name, answer] of answers) {
    test(name, async () => assert.equal((await failure(answer)).outcome, 'transient'))
  }

  test('no answer at all', async () => {
    const failed = await failure(() => {
      throw new Error('reset')
    })
    assert.equal(failed.outcome, 'transient')
  })

  for (const [asked, waited] of [
    ['17', 17],
    ['1700000000000', 3600],
  ] as const) {
    test(`and may ask us to wait for ${asked} s, which we do for an hour at most`, async () => {
      const headers = { 'retry-after': asked }
      const failed = await failure(() => Response.json({}, { status: 429, headers }))
      assert.deepEqual([failed.outcome, failed.retry_after], ['transient', waited])
    })
  }
})

suite('an error of RFC 6749 §5.2 says what to do', () => {
  const outcomes = {
    invalid_request: 'misconfigured',
    invalid_client: 'misconfigured',
    invalid_grant: 'permanent',
    unauthorized_client: 'misconfigured',
    unsupported_grant_type: 'misconfigured',
    invalid_scope: 'misconfigured',
  } as const
  for (const [error, outcome] of Object.entries(outcomes)) {
    for (const status of [400, 200]) {
      test(`${error} with status ${status}`, async () => {
        const failed = await failure(() => Response.json({ error }, { status }))
        assert.deepEqual([failed.outcome, failed.error], [outcome, error])
      })
    }
  }

  test('invalid_client with status 401 and a challenge', async () => {
    const headers = { 'www-authenticate': 'Basic realm="x"' }
    const failed = await failure(() =>
      Response.json({ error: 'invalid_client' }, { status: 401, headers }),
    )
    assert.deepEqual([failed.outcome, failed.error], ['misconfigured', 'invalid_client'])
  })

  test('also beside a token', async () => {
    const failed = await failure(() => Response.json({ ...GRANTED, error: 'invalid_grant' }))
    assert.equal(failed.outcome, 'permanent')
  })

  test('id and secret are encoded as a form encodes them, and no more', async () => {
    let sent = ''
    await ask(() => Response.json(GRANTED), {
      client: { client_id: 'a-b', client_secret: 'c_d.e:f%g h' },
      client_authentication: 'client_secret_basic',
      async fetch(_url, { headers }) {
        sent = new Headers(headers).get('authorization') ?? ''
        return Response.json(GRANTED)
      },
    })
    const credentials = Buffer.from(sent.replace('Basic ', ''), 'base64').toString()
    assert.equal(credentials, 'a-b:c_d.e%3Af%25g+h')
  })

  test('a host’s own words are taken to the letter', async () => {
    const own = {
      dead_grant_errors: ['bad_refresh_token', 'unauthorized_client: token was already used'],
      misconfigured_errors: ['incorrect_client_credentials'],
      transient_errors: ['invalid_grant: cannot increase the grant counter'],
    }
    const outcome = async (error: string, error_description: string) =>
      (await failure(() => Response.json({ error, error_description }), own)).outcome
    assert.equal(await outcome('bad_refresh_token', 'any'), 'permanent')
    assert.equal(await outcome('unauthorized_client', 'token was already used'), 'permanent')
    assert.equal(await outcome('unauthorized_client', 'invalid client secret'), 'misconfigured')
    assert.equal(await outcome('incorrect_client_credentials', 'any'), 'misconfigured')
    assert.equal(await outcome('invalid_grant', 'grant does not exist'), 'permanent')
    assert.equal(await outcome('invalid_grant', 'cannot increase the grant counter'), 'transient')
  })

  test('a number that comes with an error says more than its word', async () => {
    const own = {
      transient_errors: ['invalid_grant: 50196'],
      blocked_errors: ['invalid_grant: 53003'],
    }
    const said = async (error: string, error_codes: unknown) => {
      const failed = await failure(
        () => Response.json({ error, error_codes }, { status: 400 }),
        own,
      )
      return [failed.outcome, failed.reason]
    }
    assert.deepEqual(await said('invalid_grant', [50196]), ['transient', 'transient'])
    assert.deepEqual(await said('invalid_grant', [7, 53003]), ['blocked', 'blocked'])
    assert.deepEqual(await said('invalid_scope', [53003]), ['misconfigured', 'invalid_scope'])
    for (const codes of [[700082], [], null, 'x', 53003, [{}]]) {
      assert.deepEqual(await said('invalid_grant', codes), ['permanent', 'invalid_grant'])
    }
  })

  test('a description is kept out of our own sentence', async () => {
    const error_description = 'secret words'
    const failed = await failure(() =>
      Response.json({ error: 'invalid_grant', error_description }, { status: 400 }),
    )
    assert.doesNotMatch(failed.message, /secret words/)
  })

  test('an error that nobody knows is kept out of it, too, and out of what is written down', async () => {
    const error = 'secret_word'
    const failed = await failure(() => Response.json({ error }, { status: 400 }))
    assert.equal(failed.error, error)
    assert.equal(failed.reason, 'transient')
    assert.doesNotMatch(String(failed.stack), /secret_word/)
  })

  test('a known one is the reason', async () => {
    const failed = await failure(() => Response.json({ error: 'invalid_scope' }, { status: 400 }))
    assert.equal(failed.reason, 'invalid_scope')
  })
})

test('a code that is replayed ends as the host says', async () => {
  const grant = { code: 'c', redirect_uri: 'https://us.example.com/cb', code_verifier: 'v' }
  const refused = exchangeCode(
    endpoint(() => Response.json({ error: 'invalid_grant' }, { status: 400 })),
    grant,
  )
  await assert.rejects(
    refused,
    (error) => error instanceof TokenEndpointError && error.outcome === 'permanent',
  )
})
