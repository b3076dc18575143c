import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { gitCredential, temporaryFolder } from '../agent/git-end.ts'
import { credential, ok, problem, runtimeView, startVaultEnd } from '../agent/vault-end.ts'
import { until } from '../harness/until.ts'
import { commandLine, countersign, installation, startCountersign } from './countersign.ts'

describe('countersign agent', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`leaves no socket behind at ${signal}`, async () => {
      await using end = await startVaultEnd(() => ok(runtimeView()))
      await using folder = await temporaryFolder()
      const args = ['agent', '--person', 'alice@example.com', '--socket-folder', folder.path]
      const agent = startCountersign(args, installation(end.url))
      const ended = once(agent, 'exit')
      for await (const line of createInterface({ input: agent.stdout })) {
        if (line.includes('socket open')) agent.kill(signal)
      }
      assert.deepEqual(await ended, [0, null])
      assert.deepEqual(await readdir(folder.path), [])
    })
  }
})

it('who names the pages in the place of the vault is told so', async () => {
  await using pages = await startVaultEnd(() => problem('not-found', 'Check the address.'))
  await using folder = await temporaryFolder()
  const setting = installation(pages.url, { TMPDIR: folder.path })
  const as = ['--as', 'alice@example.com']
  const url = 'https://git.example.com/a/b.git'
  for (const args of [
    ['run', ...as, '--', 'true'],
    ['access', ...as, url],
  ]) {
    const { code, stderr } = await countersign(args, setting)
    assert.equal(code, 3)
    assert.match(stderr, /^countersign: What answers there is not a vault: .*\n$/)
  }
})

it('who names something else that answers every question is told so', async () => {
  for (const said of [{ hello: 'world' }, [], 'ok', null]) {
    await using stranger = await startVaultEnd(() => ok(said))
    await using folder = await temporaryFolder()
    const setting = installation(stranger.url, { TMPDIR: folder.path })
    const as = ['--as', 'alice@example.com']
    for (const args of [
      ['run', ...as, '--', 'true'],
      ['access', ...as, 'https://git.example.com/a/b.git'],
    ]) {
      const { code, stdout, stderr } = await countersign(args, setting)
      assert.deepEqual([code, stdout], [3, ''])
      assert.match(stderr, /^countersign: What answers at http:\S+ is not Countersign\. Check/)
    }
  }
})

it('an agent whose log finds its disk full answers Git, and ends when it is told to', {
  skip: existsSync('/dev/full') ? false : 'no /dev/full on this system',
}, async () => {
  await using end = await startVaultEnd(({ path }) =>
    ok(path === '/api/v1/runtime' ? runtimeView() : credential),
  )
  await using folder = await temporaryFolder()
  const line = commandLine(['agent', '--as-runtime', '--socket-folder', folder.path])
  const agent = spawn('sh', ['-c', `exec ${line} > /dev/full`], {
    env: installation(end.url).env,
    stdio: 'ignore',
  })
  const ended = once(agent, 'exit')
  const socket_path = join(folder.path, 'runtime', 'socket')
  const asked = { protocol: 'https', host: 'git.example.com' }
  await until('an answer', async () => {
    if (agent.exitCode !== null) throw new Error('it has ended')
    return (await gitCredential('fill', socket_path, asked)).code === 0
  })
  agent.kill('SIGTERM')
  assert.deepEqual(await ended, [0, null])
})
