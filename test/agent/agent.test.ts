import assert from 'node:assert/strict'
import { chown, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { runAgent } from '../../src/agent/agent.ts'
import { folderName } from '../../src/agent/person-socket.ts'
import { claimSocketFolder } from '../../src/agent/socket-folder.ts'
import { openVaultClient } from '../../src/agent/vault-client.ts'
import { until } from '../harness/until.ts'
import { exchange } from './client-end.ts'
import { execute, gitCredential, temporaryFolder } from './git-end.ts'
import {
  type Answer,
  type Call,
  credential,
  freeAddress,
  KEY,
  ok,
  problem,
  runtimeView,
  startVaultEnd,
} from './vault-end.ts'

const asked = { protocol: 'https', host: 'git.example.com' }

function honest({ path }: Call): Answer {
  return ok(path === '/api/v1/runtime' ? runtimeView() : credential)
}

/** A running agent. Disposal stops it and waits for its end. */
async function startAgent({
  vault_url,
  ...options
}: {
  vault_url: string
  socket_folder: string
  people?: string[]
  as_runtime?: boolean
}) {
  const vault = openVaultClient({ vault_url, runtime_key: KEY })
  const stop = new AbortController()
  const ready = Promise.withResolvers<ReadonlyMap<string, string>>()
  const lines: string[] = []
  const inWords = (_: string, value: unknown) => (value instanceof Error ? value.message : value)
  const write = (fields: object, message: string) =>
    lines.push(`${message} ${JSON.stringify(fields, inWords)}`)
  const ended = runAgent({
    vault,
    people: ['alice@example.com'],
    as_runtime: false,
    version: '1.2.3',
    signal: stop.signal,
    onReady: ready.resolve,
    log: { info: write, warn: write },
    ...options,
  }).finally(() => vault[Symbol.asyncDispose]())
  ended.catch(ready.reject)
  const sockets = await ready.promise
  return {
    socketOf: (person: string) => sockets.get(person) ?? assert.fail(`no socket for ${person}`),
    lines,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ended
    },
  }
}

describe('the agent', () => {
  it('opens a socket again that was removed, with its folder', async () => {
    await using temporary = await temporaryFolder()
    await using vault = await startVaultEnd(honest)
    const socket_folder = join(temporary.path, 'agent')
    await using agent = await startAgent({ vault_url: vault.url, socket_folder })
    const socket = agent.socketOf('alice@example.com')
    const again = () => agent.lines.filter((line) => line.startsWith('the socket was gone')).length
    await rm(socket_folder, { recursive: true })
    await until('the socket again', async () => again() === 1)
    assert.equal((await gitCredential('fill', socket, asked)).code, 0)
    await rm(socket)
    await until('the socket again', async () => again() === 2)
    assert.equal((await gitCredential('fill', socket, asked)).code, 0)
    assert.equal((await stat(dirname(socket))).mode & 0o777, 0o500)
  })

  it('says once that its socket cannot be opened again, and goes on trying', async () => {
    await using temporary = await temporaryFolder()
    await using vault = await startVaultEnd(honest)
    const socket_folder = join(temporary.path, 'agent')
    await using agent = await startAgent({ vault_url: vault.url, socket_folder })
    const socket = agent.socketOf('alice@example.com')
    const said = (words: string) => agent.lines.filter((line) => line.includes(words)).length
    await rm(socket_folder, { recursive: true })
    await writeFile(socket_folder, '')
    await until('a word of it', async () => said('cannot be opened again') === 1)
    await rm(socket_folder)
    await until('the socket again', async () => said('open again') === 1)
    assert.equal((await gitCredential('fill', socket, asked)).code, 0)
    assert.equal(said('cannot be opened again'), 1)
  })

  it('leaves a socket alone that another agent has opened in the place of its own', async () => {
    await using temporary = await temporaryFolder()
    await using vault = await startVaultEnd(honest)
    const socket_folder = join(temporary.path, 'agent')
    await using later = new AsyncDisposableStack()
    const agent = await startAgent({ vault_url: vault.url, socket_folder })
    const socket = agent.socketOf('alice@example.com')
    await rm(socket_folder, { recursive: true })
    later.use(await startAgent({ vault_url: vault.url, socket_folder }))
    await until('a word of it', async () =>
      agent.lines.some((line) => line.includes('something else is at')),
    )
    await agent[Symbol.asyncDispose]()
    assert.equal((await gitCredential('fill', socket, asked)).code, 0)
  })

  it('gives each person a socket, and leaves nothing behind', async () => {
    await using folder = await temporaryFolder()
    await using end = await startVaultEnd(honest)
    {
      const people = ['alice@example.com', 'bob@example.com']
      await using agent = await startAgent({
        vault_url: end.url,
        socket_folder: folder.path,
        people,
      })
      for (const person of people) {
        assert.equal((await gitCredential('fill', agent.socketOf(person), asked)).code, 0)
        assert.deepEqual(end.calls.at(-1)?.body, { person, ...asked, min_ttl: 300 })
      }
      assert.equal(
        agent.socketOf('bob@example.com'),
        join(folder.path, 'bob@example.com', 'socket'),
      )
    }
    assert.deepEqual(await readdir(folder.path), [])
  })

  it('gives the runtime itself a socket, too, and names nobody there', async () => {
    await using folder = await temporaryFolder()
    await using end = await startVaultEnd(honest)
    await using agent = await startAgent({
      vault_url: end.url,
      socket_folder: folder.path,
      as_runtime: true,
    })
    const own = agent.socketOf('runtime')
    assert.equal(own, join(folder.path, 'runtime', 'socket'))
    assert.equal((await gitCredential('fill', own, asked)).code, 0)
    assert.deepEqual(end.calls.at(-1)?.body, { as_runtime: true, ...asked, min_ttl: 300 })
    const alice = agent.socketOf('alice@example.com')
    assert.equal((await gitCredential('fill', alice, asked)).code, 0)
    const person = 'alice@example.com'
    assert.deepEqual(end.calls.at(-1)?.body, { person, ...asked, min_ttl: 300 })
  })

  it('gives a sign of life at start and every minute', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    await using folder = await temporaryFolder()
    await using end = await startVaultEnd(honest)
    await using _ = await startAgent({ vault_url: end.url, socket_folder: folder.path })
    assert.equal(end.calls.length, 1)
    const next = end.nextCall('/api/v1/runtime')
    t.mock.timers.tick(60_000)
    assert.deepEqual((await next).query, { agent: '1.2.3' })
  })

  it('does not start with a key that the vault does not know', async () => {
    await using folder = await temporaryFolder()
    await using end = await startVaultEnd(() => problem('runtime-key-invalid', 'Make a new one.'))
    const agent = startAgent({ vault_url: end.url, socket_folder: folder.path })
    await assert.rejects(agent, { type: 'runtime-key-invalid' })
    assert.deepEqual(await readdir(folder.path), [])
  })

  it('starts while the vault is away, and says so', async () => {
    await using folder = await temporaryFolder()
    const vault_url = await freeAddress()
    await using agent = await startAgent({ vault_url, socket_folder: folder.path })
    assert.match(agent.lines[0] ?? '', /no sign of life given: The vault at .* does not answer/)
    const { code } = await gitCredential('fill', agent.socketOf('alice@example.com'), asked)
    assert.equal(code, 128)
    assert.match(agent.lines.at(-1) ?? '', /"person":"alice@example.com","host":"git.example.com"/)
  })

  it('answers others while all that one person asks for takes long', async () => {
    await using folder = await temporaryFolder()
    const ofAlice = ({ body }: Call) => JSON.stringify(body ?? '').includes('alice@example.com')
    await using end = await startVaultEnd((call) => (ofAlice(call) ? 'no answer' : honest(call)))
    const people = ['alice@example.com', 'bob@example.com']
    await using agent = await startAgent({
      vault_url: end.url,
      socket_folder: folder.path,
      people,
    })
    const request = ['action=get\ntimeout=900\nprotocol=https\nhost=git.example.com\n']
    const ask = (person: string) => exchange(agent.socketOf(person), request)
    let answered = 0
    const many = Array.from({ length: 40 }, async () => {
      await ask('alice@example.com')
      answered += 1
    })
    await until('some calls', async () => end.calls.filter(ofAlice).length >= 16)
    for (let times = 0; times < 20; times += 1) {
      assert.match(await ask('bob@example.com'), /^password=/m)
      assert.equal(answered, 0)
    }
    await agent[Symbol.asyncDispose]()
    await Promise.all(many)
  })

  it('says in its log what it could not make sense of', async () => {
    await using folder = await temporaryFolder()
    await using end = await startVaultEnd(() => ok({ ...credential, username: 7 }))
    await using agent = await startAgent({ vault_url: end.url, socket_folder: folder.path })
    const { code } = await gitCredential('fill', agent.socketOf('alice@example.com'), asked)
    assert.equal(code, 128)
    assert.match(agent.lines.at(-1) ?? '', /could not make sense.*"err":"/)
  })

  it('leaves the socket of a running agent alone, and takes over that of a dead one', async () => {
    await using folder = await temporaryFolder()
    await using end = await startVaultEnd(honest)
    const options = { vault_url: end.url, socket_folder: folder.path }
    {
      await using agent = await startAgent(options)
      await assert.rejects(startAgent(options), /another agent already answers/)
      const { code } = await gitCredential('fill', agent.socketOf('alice@example.com'), asked)
      assert.equal(code, 0)
    }
    const dead = await claimSocketFolder(folder.path, 'alice@example.com')
    const die = "process.kill(process.pid, 'SIGKILL')"
    const listen = `require('node:net').createServer().listen(process.argv[1], () => ${die})`
    await execute(process.execPath, ['-e', listen, dead.socket_path])
    await dead.close()
    assert.ok((await stat(dead.socket_path)).isSocket())
    assert.deepEqual(await readdir(folder.path), ['alice@example.com'])
    await using agent = await startAgent(options)
    const { code } = await gitCredential('fill', agent.socketOf('alice@example.com'), asked)
    assert.equal(code, 0)
  })

  it('does not follow a link in place of its folder', async () => {
    await using folder = await temporaryFolder()
    await using elsewhere = await temporaryFolder()
    await mkdir(join(elsewhere.path, 'kept'))
    await symlink(elsewhere.path, join(folder.path, 'alice@example.com'))
    await using end = await startVaultEnd(honest)
    const agent = startAgent({ vault_url: end.url, socket_folder: folder.path })
    await assert.rejects(agent, /belongs to somebody else/)
    assert.ok(await stat(join(elsewhere.path, 'kept')))
  })

  it('takes no place in the folder of another account', {
    skip: process.getuid?.() === 0 ? false : 'only root gives folders away',
  }, async () => {
    await using temporary = await temporaryFolder()
    await using vault = await startVaultEnd(honest)
    const socket_folder = join(temporary.path, 'agent')
    await mkdir(socket_folder)
    await chown(socket_folder, 12345, 12345)
    const options = { vault_url: vault.url, socket_folder }
    await assert.rejects(startAgent(options), /belongs to another account/)
    assert.deepEqual(await readdir(socket_folder), [])
  })

  it('leaves a folder alone that holds something else', async () => {
    await using folder = await temporaryFolder()
    await using end = await startVaultEnd(honest)
    for (const name of ['notes', 'socket']) {
      const theirs = join(folder.path, `${name}@example.com`)
      await mkdir(theirs)
      await writeFile(join(theirs, name), 'kept')
      const people = [`${name}@example.com`]
      const agent = startAgent({ vault_url: end.url, socket_folder: folder.path, people })
      await assert.rejects(agent, /holds other things: name another --socket-folder/)
      assert.deepEqual(await readdir(theirs), [name])
    }
  })

  it('refuses a folder whose path is too long for a socket', async () => {
    await using folder = await temporaryFolder()
    const socket_folder = join(folder.path, 'x'.repeat(100))
    await using end = await startVaultEnd(honest)
    await assert.rejects(startAgent({ vault_url: end.url, socket_folder }), /too long for a socket/)
  })
})

describe('folderName', () => {
  it('keeps an e-mail address readable, and never leaves the folder', () => {
    assert.equal(folderName('Alice.B+c@Example.com'), 'alice.b+c@example.com')
    assert.equal(folderName('../../etc'), '%2e.%2f..%2fetc')
    assert.equal(folderName('.'), '%2e')
    assert.equal(folderName('é%'), '%c3%a9%25')
  })
})
