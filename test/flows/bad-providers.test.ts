import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net'
import { after, afterEach, suite, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import type { ProblemType } from '../../src/contract/index.ts'
import { openOutbound } from '../../src/providers/http.ts'
import { ProviderUnavailable } from '../../src/providers/provider.ts'
import { type Certificate, certificateFor, trusted } from '../harness/certificate.ts'
import { startCountersign } from '../harness/countersign.ts'
import { freePort } from '../harness/ports.ts'
import { refusal } from '../harness/problems.ts'
import { PATIENCE_MS } from '../harness/until.ts'

const countersign = await startCountersign({ env: { COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: '120' } })
after(() => countersign[Symbol.asyncDispose]())
const { admin, provider, forge } = countersign
const { api } = admin
/** Whoever connects to a private address would end here. */
const knocks = await listening(createServer())
after(() => knocks[Symbol.asyncDispose]())

async function refused(
  base_url: string,
  type: ProblemType,
  more: { name?: string; private_address_confirmed?: boolean } = {},
) {
  const before = await api.listProviders({})
  const body = { kind: 'gitea', name: 'Another', base_url, ...more } as const
  const problem = await refusal(api.createProvider({ body }), type)
  assert.deepEqual(await api.listProviders({}), before)
  return problem
}

suite('an address that cannot be used is turned away', () => {
  for (const [base_url, says] of [
    ['not an address', /Write it as/],
    ['ftp://git.example.com', /Write it as/],
    ['https://alice:secret@git.example.com', /user name and password/],
    ['https://git.example.com/?next=x', /from \? or # on/],
  ] as const) {
    test(base_url, async () => {
      assert.match((await refused(base_url, 'provider-address-invalid')).detail, says)
    })
  }
})

suite('an address inside a private network', () => {
  const { port } = knocks

  for (const host of [
    '127.0.0.1',
    'localhost',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::127.0.0.1]',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '0',
    '169.254.169.254',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.0.1',
    '[fe80::1]',
    '[fd00::1]',
    '[64:ff9b::7f00:1]',
  ]) {
    test(`${host} is refused unless it was confirmed, without a call`, async () => {
      const problem = await refused(`http://${host}:${port}`, 'provider-address-private')
      assert.match(problem.detail, /Confirm/)
      await refused(`http://${host}:${port}`, 'provider-address-private', {
        private_address_confirmed: false,
      })
    })
  }

  test('nobody knocked', () => assert.equal(knocks.count(), 0))
})

suite('a public name that leads to a private address later on', () => {
  const outbound = openOutbound({ timeout_ms: PATIENCE_MS })
  after(() => outbound[Symbol.asyncDispose]())

  for (const host of ['localhost', '127.0.0.1', '[::ffff:127.0.0.1]', '2130706433']) {
    test(`${host} is refused at the moment of connecting`, async () => {
      const base_url = `http://${host}:${knocks.port}`
      const http = outbound.to({ base_url, private_address_confirmed: false })
      for (const path of ['/api/v1/user', '/x.git/info/refs?service=git-upload-pack']) {
        await assert.rejects(
          http.request(path, { authorization: 'token canary' }),
          (error) => error instanceof ProviderUnavailable && /private network/.test(error.message),
        )
      }
      const limits = { types: ['image/png'], max_bytes: 1000 }
      await assert.rejects(
        outbound.file({ base_url, private_address_confirmed: false }, `${base_url}/a.png`, limits),
      )
    })
  }

  test('nobody knocked', () => assert.equal(knocks.count(), 0))
})

test('a public host is asked, whatever the address of a request ends in', async () => {
  await using outbound = openOutbound({ timeout_ms: PATIENCE_MS })
  const http = outbound.to({ base_url: 'https://forge.invalid', private_address_confirmed: false })
  for (const path of ['/api/v1/user', '/api/v1/repos/search?limit=1']) {
    await assert.rejects(http.request(path), ({ cause }: Error) => {
      // Its name was looked up, which is where the judgement of addresses begins.
      assert.match(String(cause), /getaddrinfo/)
      return true
    })
  }
})

suite('a host that answers as something else is not registered', () => {
  afterEach(() => forge.control('DELETE', '/control/faults'))

  const answers: [string, RequestListener][] = [
    [
      'JSON of another kind of forge',
      (_request, response) => {
        response.writeHead(404, { 'content-type': 'application/json' })
        response.end('{"error":"404 Not Found"}')
      },
    ],
    [
      'a page that says there is nothing',
      (_request, response) => {
        response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>Not Found</h1>')
      },
    ],
    [
      'a page',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>')
      },
    ],
    [
      'the way to its sign-in page',
      (_request, response) => {
        response.writeHead(302, { location: '/users/sign_in' }).end()
      },
    ],
    [
      'JSON without a version',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end('[1,2]')
      },
    ],
    [
      'no JSON, though it says so',
      (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"version":')
      },
    ],
  ]
  for (const [name, answer] of answers) {
    test(name, async () => {
      await using host = await listening(createServer(answer))
      const problem = await refused(host.url, 'provider-not-recognized', {
        private_address_confirmed: true,
      })
      assert.match(problem.detail, /Check the address and the kind/)
    })
  }

  test('the sandbox, when it answers as GitLab does', async () => {
    await forge.control('POST', '/control/faults', { kind: 'other-forge' })
    await refused(forge.url, 'provider-not-recognized', { private_address_confirmed: true })
  })
})

suite('a host that cannot be asked is not registered', () => {
  const confirmed = { private_address_confirmed: true }

  test('nothing listens', async () => {
    const base_url = `http://127.0.0.1:${await freePort()}`
    const problem = await refused(base_url, 'provider-unavailable', confirmed)
    assert.match(problem.detail, /could not be reached: nothing listens there\. Check that/)
  })

  test('its name is unknown', async () => {
    const problem = await refused('https://forge.invalid', 'provider-unavailable')
    assert.match(problem.detail, /forge\.invalid could not be reached: its name is unknown\./)
  })

  test('it does not speak HTTP', async () => {
    await using host = await listening(createTcpServer((socket) => socket.end('SSH-2.0-x\r\n')))
    const problem = await refused(host.url, 'provider-unavailable', confirmed)
    assert.match(problem.detail, /could not be reached: what listens there speaks no HTTP\./)
  })

  test('it does not speak TLS', async () => {
    await using host = await listening(createServer())
    const base_url = host.url.replace('http:', 'https:')
    const problem = await refused(base_url, 'provider-unavailable', confirmed)
    assert.match(problem.detail, /could not be reached: what listens there speaks no TLS\./)
  })

  suite('its certificate', () => {
    const HOUR_MS = 3_600_000
    const now = Date.now()
    const living = { name: 'localhost', from: new Date(now), to: new Date(now + HOUR_MS) }

    async function registered(certificate: Certificate, says: RegExp) {
      await using host = await listening(createTlsServer(certificate))
      const problem = await refused(
        `https://localhost:${host.port}`,
        'provider-unavailable',
        confirmed,
      )
      assert.match(problem.detail, says)
    }

    test('is from an authority that is not known here', async () => {
      await registered(certificateFor(living), /from an authority .* \(NODE_EXTRA_CA_CERTS/)
    })

    test('is for another name', async () => {
      using certificate = trusted(certificateFor({ ...living, name: 'git.example.com' }))
      await registered(certificate, /could not be reached: its certificate is for another name\./)
    })

    test('has ended', async () => {
      const to = new Date(now - HOUR_MS)
      const from = new Date(now - 2 * HOUR_MS)
      using certificate = trusted(certificateFor({ ...living, from, to }))
      await registered(certificate, /could not be reached: its certificate has ended\./)
    })

    test('is not valid yet', async () => {
      const from = new Date(now + HOUR_MS)
      const to = new Date(now + 2 * HOUR_MS)
      using certificate = trusted(certificateFor({ ...living, from, to }))
      await registered(certificate, /could not be reached: its certificate is not valid yet\./)
    })
  })

  test('it accepts and says nothing', async () => {
    await using host = await listening(createTcpServer())
    const env = { COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: '2' }
    await using impatient = await startCountersign({ env })
    const body = { kind: 'gitea', name: 'Another', base_url: host.url, ...confirmed } as const
    const created = impatient.admin.api.createProvider({ body })
    const problem = await refusal(created, 'provider-unavailable')
    assert.match(problem.detail, /no answer within 2 s/)
  })

  test('it is out of order', async () => {
    await using host = await listening(
      createServer((_request, response) => response.writeHead(500).end('oh')),
    )
    const problem = await refused(host.url, 'provider-unavailable', confirmed)
    assert.match(problem.detail, /error 500/)
  })
})

suite('a host is registered once', () => {
  const confirmed = { private_address_confirmed: true }

  test('not again under another name', async () => {
    await refused(forge.url, 'provider-exists', confirmed)
    await refused(`${forge.url.replace('http', 'HTTP')}/`, 'provider-exists', confirmed)
  })

  test('not under a name that is taken', async () => {
    await using host = await listening(createServer(answerAsGitea))
    await refused(host.url, 'name-taken', { ...confirmed, name: ` ${provider.name} ` })
  })

  test('not twice by two who ask at once', async () => {
    await using host = await listening(createServer(answerAsGitea))
    const attempts = await Promise.allSettled(
      ['One', 'Two'].map((name) =>
        api.createProvider({ body: { kind: 'gitea', name, base_url: host.url, ...confirmed } }),
      ),
    )
    const [made, ...others] = attempts.filter((attempt) => attempt.status === 'fulfilled')
    assert.equal(others.length, 0)
    await api.deleteProvider({ params: { id: made?.value.id ?? '' } })
  })
})

test('a host in use stays until no runtime uses it', async () => {
  await using host = await listening(createServer(answerAsGitea))
  const { id } = await api.createProvider({
    body: { kind: 'gitea', name: 'Used', base_url: host.url, private_address_confirmed: true },
  })
  const { runtime } = await api.createRuntime({ body: { name: 'user', provider_ids: [id] } })
  await refusal(api.deleteProvider({ params: { id } }), 'provider-in-use')
  await api.updateRuntime({ params: { id: runtime.id }, body: { provider_ids: [] } })
  await api.deleteProvider({ params: { id } })
  await refusal(api.deleteProvider({ params: { id } }), 'not-found')
})

test('a host goes together with the tokens that its last runtime had', async () => {
  const { runtime } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  assert.equal((await admin.addToken(row, await forge.token())).status, 'accepted')
  await refusal(api.deleteProvider({ params: { id: provider.id } }), 'provider-in-use')
  await api.deleteRuntime({ params: { id: runtime.id } })
  await api.deleteProvider({ params: { id: provider.id } })
})

function answerAsGitea(_request: unknown, response: Parameters<RequestListener>[1]): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"version":"1.25.2"}')
}

async function listening(server: Server) {
  const sockets: Socket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    count: () => sockets.length,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
