import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type Countersign, startCountersign } from '../harness/countersign.ts'
import { PASSWORD } from '../harness/person.ts'
import { type ReverseProxy, startProxy } from '../harness/proxy.ts'

const HERE = '127.0.0.1'
const CLIENT = '127.0.0.2'
const ANOTHER = '127.0.0.3'
const CLAIMED = '203.0.113.9'

interface Behind extends AsyncDisposable {
  countersign: Countersign
  proxy: ReverseProxy
}

/** A server that was told `trust_proxy`, and one proxy in front of it. */
async function behindProxy(trust_proxy: string): Promise<Behind> {
  await using resources = new AsyncDisposableStack()
  const env = { COUNTERSIGN_TRUST_PROXY: trust_proxy }
  const countersign = resources.use(await startCountersign({ env }))
  const proxy = resources.use(await startProxy(countersign.page_url))
  const kept = resources.move()
  return { countersign, proxy, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

const signIn = ({ proxy }: Behind, from: string, password: string, forwarded_for?: string) =>
  proxy.post({
    path: '/api/v1/session',
    body: { email: 'ada@example.com', password },
    from,
    ...(forwarded_for !== undefined && { forwarded_for }),
  })

/** The address in the newest audit row. */
async function lastAddress({ countersign }: Behind): Promise<string | null> {
  const { items } = await countersign.admin.api.listAudit({ query: { limit: 1 } })
  return items[0]?.ip ?? null
}

suite('behind one proxy that appends', { concurrency: 2 }, () => {
  for (const trust_proxy of ['1', 'yes', `${HERE}/32,::1`]) {
    test(`with ${trust_proxy}, the address is the true one, whatever the client claims`, async () => {
      await using behind = await behindProxy(trust_proxy)
      for (const forged of [undefined, CLAIMED, `${CLAIMED}, ${HERE}`, 'x', '::1']) {
        const { status, body } = await signIn(behind, CLIENT, PASSWORD, forged)
        assert.equal(status, 200, body)
        assert.equal(await lastAddress(behind), CLIENT)
      }
    })
  }

  test('sign-ins are counted by the true address, so a forged one guesses no further', async () => {
    await using behind = await behindProxy('1')
    const statuses: number[] = []
    for (let tries = 1; tries <= 11; tries += 1) {
      statuses.push((await signIn(behind, CLIENT, 'wrong', `203.0.113.${tries}`)).status)
    }
    assert.deepEqual(statuses, [...Array(10).fill(401), 429])
    // Who is elsewhere is not kept out by that.
    assert.equal((await signIn(behind, ANOTHER, PASSWORD)).status, 200)
  })

  test('with no, nobody is believed', async () => {
    await using behind = await behindProxy('no')
    assert.equal((await signIn(behind, CLIENT, PASSWORD, CLAIMED)).status, 200)
    assert.equal(await lastAddress(behind), HERE)
  })

  test('a proxy that is not among the named ones is not believed', async () => {
    await using behind = await behindProxy('10.0.0.0/8,fd00::/8')
    assert.equal((await signIn(behind, CLIENT, PASSWORD, CLAIMED)).status, 200)
    assert.equal(await lastAddress(behind), HERE)
  })
})
