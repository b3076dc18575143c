import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startCountersign } from '../harness/countersign.ts'

/** As load balancers and monitors ask: RFC 9110 §9.3.2 wants the answer to GET, without its body. */
test('HEAD is answered as GET is', async () => {
  await using countersign = await startCountersign()
  const { admin, page_url, vault_url } = countersign
  const headers = { cookie: admin.cookie }
  const paths = ['/', '/tokens', '/assets/nothing.js', '/api/v1/session', '/api/v1/nothing']
  const urls = [...paths, '/healthz', '/readyz'].map((path) => page_url + path)
  for (const url of [...urls, `${vault_url}/readyz`]) {
    const [get, head] = await Promise.all([
      fetch(url, { headers }),
      fetch(url, { headers, method: 'HEAD' }),
    ])
    assert.deepEqual(
      [head.status, head.headers.get('content-type'), await head.text()],
      [get.status, get.headers.get('content-type'), ''],
      url,
    )
    await get.text()
  }
})
