import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { EVENTS_PATH } from '../../src/contract/index.ts'
import { startCountersign } from '../harness/countersign.ts'
import { PATIENCE_MS } from '../harness/until.ts'

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

test('HEAD of the event stream is answered, too, and keeps nothing open', async () => {
  await using countersign = await startCountersign()
  const { admin, page_url } = countersign
  const { hostname, port } = new URL(page_url)
  const request = (method: string, path: string) =>
    `${method} ${path} HTTP/1.1\r\nhost: x\r\ncookie: ${admin.cookie}\r\n`
  const socket = connect(Number(port), hostname)
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('it waits for its end')))
  // What comes second on a connection is answered when the first is over.
  socket.write(`${request('HEAD', EVENTS_PATH)}\r\n`)
  socket.write(`${request('HEAD', '/healthz')}connection: close\r\n\r\n`)
  const answers = (await text(socket)).split('\r\n\r\n')
  assert.match(answers[0] ?? '', /^HTTP\/1.1 200 OK\r\n.*content-type: text\/event-stream/s)
  assert.match(answers[1] ?? '', /^HTTP\/1.1 200 OK\r\n.*content-type: application\/json/s)
})
