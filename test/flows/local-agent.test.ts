import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gitCredential } from '../agent/git-end.ts'
import { sandboxToken, startUp } from '../harness/up.ts'

test('countersign up answers Git at a socket of each person, from their authorization on', async () => {
  await using up = await startUp()
  const { ada, row, data, program } = up
  const asked = { protocol: 'http', host: new URL(up.sandbox_url).host, path: 'alice/hello.git' }
  assert.deepEqual(await readdir(join(data, 'agent')), [])

  const token = await sandboxToken(up.sandbox_url)
  await ada.addToken(row, token)
  const socket_path = await up.socketOf('ada@example.com')
  assert.equal((await stat(socket_path)).mode & 0o777, 0o600)
  const filled = await gitCredential('fill', socket_path, asked)
  assert.match(filled.stdout, new RegExp(`^password=${token}$`, 'm'))

  const { items } = await ada.api.listAudit({ query: { limit: 20 } })
  const issued = items.find(({ action }) => action === 'credential.issue')
  assert.equal(issued?.actor.name, 'local')
  assert.equal(issued?.subject, `http://${asked.host}/${asked.path} as ada@example.com`)

  const { authorization } = await ada.access(row.runtime_id)
  await ada.api.deleteAuthorization({ params: { id: authorization?.id ?? '' } })
  const refused = await gitCredential('fill', socket_path, asked)
  assert.equal(refused.code, 128)
  assert.match(refused.stderr, /told us to quit/)

  program.signal('SIGTERM')
  assert.equal((await program.ended).code, 0)
  assert.deepEqual(await readdir(join(data, 'agent')), [])
})
