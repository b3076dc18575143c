import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNetwork } from './network.ts'
import { freePort } from './ports.ts'
import { until } from './until.ts'

/** Why there is no pooler on this machine; undefined where there is one. */
export const noPooler =
  spawnSync('pgbouncer', ['--version']).error === undefined ? undefined : 'pgbouncer is not there'

/** A PgBouncer before a server, until disposed of. `url` is the same database through it. */
export async function startPooler(
  database_url: string,
  pool_mode: 'session' | 'transaction',
): Promise<AsyncDisposable & { url: string }> {
  await using resources = new AsyncDisposableStack()
  // Its account may not enter the folder of a socket.
  const network = resources.use(await startNetwork(database_url))
  const { hostname, port: server_port, username, password } = new URL(network.url)
  const folder = await mkdtemp(join(tmpdir(), 'countersign-pooler-'))
  resources.defer(() => rm(folder, { recursive: true }))
  await chmod(folder, 0o755)
  const port = await freePort()
  const users = join(folder, 'users')
  await writeFile(users, `"${username}" "${password}"\n`)
  const settings = join(folder, 'settings.ini')
  await writeFile(
    settings,
    `[databases]
     * = host=${hostname} port=${server_port}
     [pgbouncer]
     listen_addr = 127.0.0.1
     listen_port = ${port}
     unix_socket_dir =
     auth_type = trust
     auth_file = ${users}
     pool_mode = ${pool_mode}
     ${process.getuid?.() === 0 ? 'user = nobody' : ''}
    `,
  )
  const child = spawn('pgbouncer', [settings], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  resources.defer(async () => {
    child.kill('SIGINT')
    await ended
  })
  await until('the pooler listens', async () => child.exitCode !== null || (await listens(port)))
  const url = new URL(database_url)
  url.host = `127.0.0.1:${port}`
  const kept = resources.move()
  return { url: url.href, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const reached = await once(socket, 'connect').then(
    () => true,
    () => false,
  )
  socket.destroy()
  return reached
}
