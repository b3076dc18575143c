import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { openSocket } from '../../src/agent/socket.ts'
import {
  claimSocketFolder,
  createSocketFolder,
  SocketFolderError,
} from '../../src/agent/socket-folder.ts'
import type { DaemonRequest } from '../../src/git-credential/format.ts'
import { until } from '../harness/until.ts'
import { exchange } from './client-end.ts'
import { temporaryFolder } from './git-end.ts'

const GET = 'action=get\ntimeout=1\nprotocol=https\nhost=git.example.com\n'
const hostOf = async ({ attributes }: DaemonRequest) => `host=${attributes.get('host')}\n`

async function openEcho(options: Partial<Parameters<typeof openSocket>[0]> = {}) {
  const stack = new AsyncDisposableStack()
  const folder = stack.use(await createSocketFolder())
  stack.use(await openSocket({ folder, answer: hostOf, ...options }))
  return {
    path: folder.socket_path,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

describe('the socket', () => {
  it('answers a request once the client has closed its half', async () => {
    await using socket = await openEcho()
    assert.equal(await exchange(socket.path, [GET]), 'host=git.example.com\n')
  })

  it('answers a request whose last line has no newline', async () => {
    await using socket = await openEcho()
    assert.equal(await exchange(socket.path, [GET.trimEnd()]), 'host=git.example.com\n')
  })

  it('hangs up on half a request that does not go on', async () => {
    await using socket = await openEcho({ request_deadline_ms: 20 })
    const half = GET.slice(0, 17)
    assert.equal(await exchange(socket.path, [half], { keep_open: true }), '')
    assert.equal(await exchange(socket.path, [], { keep_open: true }), '')
    const whole = async () => (await exchange(socket.path, [GET])) === 'host=git.example.com\n'
    await until('an answer to a whole one, given in time', whole)
  })

  for (const [what, request] of [
    ['nothing', ''],
    ['half a request', GET.slice(0, 17)],
    ['half a line', `${GET}pa`],
    ['an unknown action', GET.replace('get', 'dump')],
    ['a line of a megabyte', `${GET}path=${'x'.repeat(1024 * 1024)}\n`],
    ['NUL in a value', GET.replace('example', 'exa\0mple')],
    ['an escape in a value', GET.replace('example', '\x1b[2J')],
    ['a carriage return in a value', GET.replace('.com', '.com\r')],
    ['a newline in a value', GET.replace('example', 'exa\nmple')],
    ['HTTP', 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'],
  ] as const) {
    it(`hangs up on ${what}, and goes on`, async () => {
      await using socket = await openEcho()
      assert.equal(await exchange(socket.path, [request]), '')
      assert.equal(await exchange(socket.path, [GET]), 'host=git.example.com\n')
    })
  }

  it('answers 500 clients at once, again and again, and keeps nothing of them', async () => {
    await using socket = await openEcho()
    await exchange(socket.path, [GET])
    const before = (await readdir('/proc/self/fd')).length
    for (let round = 0; round < 4; round += 1) {
      const hosts = Array.from({ length: 500 }, (_, index) => `host-${round}-${index}.example`)
      const answers = await Promise.all(
        hosts.map((host) => exchange(socket.path, [GET.replace('git.example.com', host)])),
      )
      assert.deepEqual(
        answers,
        hosts.map((host) => `host=${host}\n`),
      )
    }
    // Our end of a connection may still hear that theirs is closed.
    await until('as few descriptors as before', async () => {
      return (await readdir('/proc/self/fd')).length <= before
    })
  })

  it('survives clients that leave before their answer', async () => {
    const asked = Promise.withResolvers<void>()
    const release = Promise.withResolvers<string>()
    const answer = (request: DaemonRequest) => {
      if (request.action !== 'get') return hostOf(request)
      asked.resolve()
      return release.promise
    }
    await using socket = await openEcho({ answer })
    const connection = connect(socket.path)
    connection.end(GET)
    await asked.promise
    connection.destroy()
    await once(connection, 'close')
    release.resolve('username=late\n')
    const erase = GET.replace('get', 'erase')
    assert.equal(await exchange(socket.path, [erase]), 'host=git.example.com\n')
  })

  it('lives in a folder that nobody writes to, and takes it away', async () => {
    let path: string
    {
      await using socket = await openEcho()
      path = socket.path
      assert.equal((await stat(dirname(path))).mode & 0o777, 0o500)
      assert.equal((await stat(path)).mode & 0o777, 0o600)
    }
    await assert.rejects(stat(dirname(path)), { code: 'ENOENT' })
  })

  it('that a dead agent has left goes to one of two that come at the same time', async () => {
    await using parent = await temporaryFolder()
    const claim = async () => {
      await using stack = new AsyncDisposableStack()
      const folder = stack.use(await claimSocketFolder(parent.path, 'alice'))
      stack.use(await openSocket({ folder, answer: hostOf }))
      return { path: folder.socket_path, stack: stack.move() }
    }
    for (let round = 0; round < 100; round += 1) {
      await mkdir(join(parent.path, 'alice'))
      const both = await Promise.allSettled([claim(), claim()])
      for (const claimed of both) {
        if (claimed.status === 'fulfilled') continue
        assert.ok(claimed.reason instanceof SocketFolderError, claimed.reason)
        assert.match(claimed.reason.message, /^another agent (takes|already answers at) .*alice/)
      }
      const [first, ...more] = both.filter(({ status }) => status === 'fulfilled')
      assert.ok(first?.status === 'fulfilled' && more.length === 0)
      const { path, stack } = first.value
      assert.equal(await exchange(path, [GET]), 'host=git.example.com\n')
      await stack.disposeAsync()
      assert.deepEqual(await readdir(parent.path), [])
    }
  })

  it('ends while clients are connected, and tells the answer under way', async () => {
    const asked = Promise.withResolvers<AbortSignal>()
    const socket = await openEcho({
      answer: (_, signal) => {
        asked.resolve(signal)
        return new Promise(() => {})
      },
    })
    const idle = exchange(socket.path, [], { keep_open: true })
    const waiting = exchange(socket.path, [GET])
    const signal = await asked.promise
    assert.equal(signal.aborted, false)
    await socket[Symbol.asyncDispose]()
    assert.equal(signal.aborted, true)
    assert.deepEqual(await Promise.all([idle, waiting]), ['', ''])
  })
})

describe('the socket, fuzzed', () => {
  it('reads the same request however it is cut', async () => {
    await using socket = await openEcho()
    const cuts = fc.uniqueArray(fc.nat({ max: GET.length }), { maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        const sorted = [0, ...places.sort((a, b) => a - b), GET.length]
        const chunks = sorted.slice(1).map((end, index) => GET.slice(sorted[index], end))
        assert.equal(await exchange(socket.path, chunks), 'host=git.example.com\n')
      }),
    )
  })

  it('outlives arbitrary bytes', async () => {
    await using socket = await openEcho()
    const chunks = fc.array(fc.oneof(fc.uint8Array(), fc.constant(GET)), { maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(chunks, async (some) => {
        await exchange(socket.path, some)
        assert.equal(await exchange(socket.path, [GET]), 'host=git.example.com\n')
      }),
    )
  })
})
