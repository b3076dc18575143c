import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, afterEach, suite, test } from 'node:test'
import { problemUri } from '../../src/contract/index.ts'
import { runtimeClient, startCountersign } from '../harness/countersign.ts'

/** Somebody whose token is in use. @param patience for how many seconds the forge is waited for */
async function startScene(patience: string) {
  const countersign = await startCountersign({
    env: { COUNTERSIGN_PROVIDER_TIMEOUT_SECONDS: patience },
  })
  after(() => countersign[Symbol.asyncDispose]())
  const { admin, provider, forge, vault_url } = countersign
  const { host } = new URL(forge.url)
  const { runtime, key } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  const oldToken = await forge.token()
  assert.equal((await admin.addToken(row, oldToken)).status, 'accepted')
  const body = { person: admin.person.email, protocol: 'http', host } as const
  return {
    admin,
    forge,
    host,
    runtime,
    row,
    oldToken,
    password: async () => (await runtimeClient(vault_url, key).issueCredential({ body })).password,
    async fault(kind: string, more: Record<string, unknown> = {}): Promise<AsyncDisposable> {
      await forge.control('POST', '/control/faults', { kind, ...more })
      return {
        async [Symbol.asyncDispose]() {
          await forge.control('DELETE', '/control/faults')
        },
      }
    },
  }
}

type Scene = Awaited<ReturnType<typeof startScene>>

const scene = await startScene('120')
const { admin, forge, runtime, row, password, fault } = scene

const elsewhere = createServer((_request, response) => response.end('{"login":"mallory"}'))
let sentElsewhere = 0
elsewhere.on('connection', () => {
  sentElsewhere += 1
})
elsewhere.listen(0, '127.0.0.1')
await once(elsewhere, 'listening')
after(() => elsewhere.close())
const elsewhereUrl = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`

interface Outage {
  name: string
  begin: (scene: Scene) => Promise<AsyncDisposable>
  /** The sentence, which names the host. */
  says: RegExp
  retry_after?: number
  /** It takes as long as anybody waits, so there it is waited for no longer than this. */
  patience?: string
}

const outages: Outage[] = [
  { name: 'away', begin: ({ forge }) => forge.away(), says: /not be reached: nothing listens/ },
  {
    name: 'slow',
    begin: ({ fault }) => fault('delay', { delay_ms: 600_000 }),
    says: /no answer within 2 s/,
    patience: '2',
  },
  {
    name: 'answering 500',
    begin: ({ fault }) => fault('status', { status: 500 }),
    says: /error 500/,
  },
  {
    name: 'answering 503',
    begin: ({ fault }) => fault('status', { status: 503 }),
    says: /error 503/,
  },
  { name: 'answering HTML', begin: ({ fault }) => fault('html'), says: /not its API/ },
  {
    name: 'behind a proxy that answers 401 in HTML',
    begin: ({ fault }) => fault('html', { status: 401 }),
    says: /not its API/,
  },
  {
    name: 'another kind of forge now',
    begin: ({ fault }) => fault('other-forge'),
    says: /not .* as Gitea/,
  },
  {
    name: 'sending us to another host',
    begin: ({ fault }) => fault('redirect', { location: `${elsewhereUrl}/api/v1/user` }),
    says: /another address/,
  },
  { name: 'answering without end', begin: ({ fault }) => fault('endless'), says: /without end/ },
  { name: 'hanging up', begin: ({ fault }) => fault('reset'), says: /not be reached: it hung up/ },
  {
    name: 'asking us to wait',
    begin: ({ fault }) => fault('status', { status: 429, retry_after: 17 }),
    says: /asks us to wait/,
    retry_after: 17,
  },
  {
    name: 'failing once it has said whose token it is',
    begin: ({ fault }) => fault('status', { status: 502, match: '/api/v1/notifications' }),
    says: /error 502/,
  },
]

suite('while the forge is', () => {
  for (const outage of outages) {
    test(`${outage.name}, nothing is learned about a token, and the old one works`, async () => {
      const { patience } = outage
      const at = patience === undefined ? scene : await startScene(patience)
      const { admin, forge, host, runtime, row, oldToken, password } = at
      const newToken = await forge.token()
      const before = (await admin.access(runtime.id)).authorization
      {
        await using _outage = await outage.begin(at)
        const candidate = await admin.addToken(row, newToken)
        assert.equal(candidate.status, 'not_checked')
        const { problem } = candidate
        assert.equal(problem?.type, problemUri('provider-unavailable'))
        assert.match(problem.detail, outage.says)
        assert.match(problem.detail, new RegExp(`^${host}.*Try again`))
        assert.equal(problem.retry_after, outage.retry_after)
        assert.deepEqual((await admin.access(runtime.id)).authorization, before)
        assert.equal(await password(), oldToken)

        const asked = new Date().toISOString()
        const { check_failed, ...rest } = await admin.checkNow(runtime.id)
        assert.deepEqual({ ...rest, check_failed: null }, before?.connection)
        assert.match(check_failed?.reason ?? '', outage.says)
        assert.ok((check_failed?.at ?? '') >= asked)
        assert.equal(await password(), oldToken)
      }
      const connection = await admin.checkNow(runtime.id)
      assert.equal(connection.status, 'valid')
      assert.equal(connection.check_failed, null)
      assert.ok((connection.checked_at ?? '') > (before?.connection.checked_at ?? ''))
    })
  }

  test('no token went where the forge sent us', () => assert.equal(sentElsewhere, 0))
})

suite('a refusal', () => {
  afterEach(() => forge.control('DELETE', '/control/faults'))

  test('that is over within a second is not believed, for a new token', async () => {
    const token = await forge.token()
    await fault('status', { status: 401, times: 2 })
    assert.equal((await admin.addToken(row, token)).status, 'accepted')
    assert.equal(await password(), token)
  })

  test('that is over within a second is not believed, for one in use', async () => {
    const before = await forge.calls('/api/v1/user')
    await fault('status', { status: 401, times: 3 })
    assert.equal((await admin.checkNow(runtime.id)).status, 'valid')
    assert.equal(await forge.calls('/api/v1/user'), before + 4)
  })

  test('that turns into an outage is no refusal', async () => {
    await fault('status', { status: 401, times: 2 })
    await fault('status', { status: 503 })
    const { status, check_failed } = await admin.checkNow(runtime.id)
    assert.equal(status, 'valid')
    assert.match(check_failed?.reason ?? '', /error 503/)
  })

  test('that stands is believed after it was given four times', async () => {
    const before = await forge.calls('/api/v1/user')
    await fault('status', { status: 401 })
    assert.equal((await admin.checkNow(runtime.id)).status, 'rejected')
    assert.equal(await forge.calls('/api/v1/user'), before + 4)
    await forge.control('DELETE', '/control/faults')
    assert.equal((await admin.checkNow(runtime.id)).status, 'valid')
  })
})
