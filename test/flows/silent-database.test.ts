import assert from 'node:assert/strict'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startCountersign } from '../harness/countersign.ts'
import { startNetwork } from '../harness/network.ts'
import { startProgram } from '../harness/program.ts'

const countersign = await startCountersign()
after(() => countersign[Symbol.asyncDispose]())
const data = await mkdtempDisposable(join(tmpdir(), 'countersign-data-'))
after(() => data.remove())

const { key } = await countersign.runtime()
const PAGE_URL = 'http://127.0.0.1:7080'
const calls = {
  vault: [
    '/api/v1/credential',
    { person: 'ada@example.com', protocol: 'http', host: 'x', path: '' },
  ],
  server: ['/api/v1/session', { email: 'ada@example.com', password: 'not this one' }],
} as const

for (const role of ['vault', 'server'] as const) {
  test(`a ${role} that is to end waits for no database that takes connections and answers nothing`, async () => {
    await using network = await startNetwork(countersign.database.url)
    await using program = startProgram(role, {
      DATABASE_URL: network.url,
      COUNTERSIGN_DATA: data.path,
      COUNTERSIGN_VAULT_KEY: countersign.vault_key,
      COUNTERSIGN_SESSION_SECRET: 's'.repeat(32),
      COUNTERSIGN_VAULT_PORT: '0',
      COUNTERSIGN_PORT: '0',
      COUNTERSIGN_PAGE_URL: PAGE_URL,
    })
    const [, url = ''] = await program.says(/"url":"([^"]+)".*ready/)
    const [path, body] = calls[role]
    const call = () =>
      fetch(url + path, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          origin: PAGE_URL,
          authorization: `Bearer ${key}`,
        },
        body: JSON.stringify(body),
      })
    // It gets as far as the database.
    assert.ok((await call()).status < 500)
    network.silence({ new_ones: true })
    const asked = call().then(
      ({ status }) => status,
      () => 'hung up',
    )
    // It is under way once what came later is answered.
    await fetch(`${url}/healthz`)
    program.signal('SIGTERM')
    await program.says(/the database is silent/)
    const { code, stderr } = await program.ended
    assert.equal(code, 0, stderr)
    assert.notEqual(await asked, 200)
  })
}
