import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { freePort } from '../harness/ports.ts'

const HERE = import.meta.dirname
const CACHE = join(HERE, '..', '..', '.cache', 'gitea')
const ADMIN = { login: 'countersign-admin', password: randomBytes(12).toString('hex') }
const START_LIMIT_MS = 60_000

export interface Gitea extends AsyncDisposable {
  url: string
  createUser(login: string, password: string, email: string, full_name: string): Promise<void>
  createToken(login: string, password: string, name: string, scopes: string[]): Promise<string>
  deleteToken(login: string, password: string, name: string): Promise<void>
  setProhibitLogin(login: string, prohibit_login: boolean): Promise<void>
  /**
   * Whose credential brought a commit to a repository of `login`: what the forge says, and not the
   * commit. Undefined as long as it does not say, which a real one does a moment after the push.
   */
  pusherOf(
    login: string,
    password: string,
    repository: string,
    commit: string,
  ): Promise<string | undefined>
  close(): Promise<void>
}

export interface ForgeSettings {
  /** `[oauth2] INVALIDATE_REFRESH_TOKENS`: a refresh token works once. */
  invalidate_refresh_tokens?: boolean
}

/**
 * The path of a real Gitea: `GITEA_BIN`, or one built from the Go module that `go.mod` beside this
 * file names. Building takes minutes, so the result stays in `.cache/gitea` until `go.mod` or
 * `go.sum` change.
 */
export async function giteaBinary(): Promise<string> {
  const binary = await binaryPath()
  if (await isThere(binary)) return binary
  await mkdir(CACHE, { recursive: true })
  const building = `${binary}.${process.pid}`
  await run('nice', [
    ...['-n', '10', 'go', 'build', '-tags', 'sqlite sqlite_unlock_notify'],
    ...['-o', building, 'code.gitea.io/gitea'],
  ])
  await rename(building, binary)
  return binary
}

/** Whether a real Gitea can start without being built first. */
export async function isGiteaBuilt(): Promise<boolean> {
  return isThere(await binaryPath())
}

/**
 * Starts a real Gitea on a free loopback port with an empty SQLite database in a temporary folder,
 * and waits until it is healthy. `close` ends it and removes the folder.
 */
export async function startGitea({
  invalidate_refresh_tokens = false,
}: ForgeSettings = {}): Promise<Gitea> {
  const binary = await giteaBinary()
  const static_root = await staticRoot()
  const folder = await mkdtemp(join(tmpdir(), 'countersign-gitea-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const config = join(folder, 'app.ini')
  await writeFile(
    config,
    configuration({ folder, static_root, port, url, invalidate_refresh_tokens }),
  )
  const environment = {
    PATH: process.env.PATH,
    HOME: folder,
    GITEA_WORK_DIR: folder,
  }
  const server = spawn(binary, ['web', '--config', config], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = collectOutput(server)

  async function close(): Promise<void> {
    if (server.exitCode === null && server.signalCode === null) {
      const exited = once(server, 'exit')
      server.kill('SIGTERM')
      await exited
    }
    await rm(folder, { recursive: true, force: true })
  }

  try {
    await untilHealthy(url, server)
    await run(
      binary,
      [
        ...['admin', 'user', 'create', '--config', config, '--admin'],
        ...['--username', ADMIN.login, '--password', ADMIN.password],
        ...['--email', 'admin@example.com', '--must-change-password=false'],
      ],
      { cwd: folder, env: environment },
    )
  } catch (error) {
    await close()
    throw new Error(`Gitea did not start:\n${output()}`, { cause: error })
  }
  return { url, ...administration(url), close, [Symbol.asyncDispose]: close }
}

async function binaryPath(): Promise<string> {
  if (process.env.GITEA_BIN) return process.env.GITEA_BIN
  const sums = createHash('sha256')
  for (const file of ['go.mod', 'go.sum']) sums.update(await readFile(join(HERE, file)))
  return join(CACHE, `gitea-${sums.digest('hex').slice(0, 16)}`)
}

/**
 * The folder with templates and the like, which ours needs beside it: `GITEA_STATIC_ROOT`, or where
 * Go has the module. Released ones carry theirs within, and need no Go.
 */
async function staticRoot(): Promise<string | undefined> {
  const { GITEA_BIN, GITEA_STATIC_ROOT } = process.env
  if (GITEA_BIN) return GITEA_STATIC_ROOT || undefined
  return (await run('go', ['list', '-m', '-f', '{{.Dir}}', 'code.gitea.io/gitea'])).trim()
}

function administration(url: string): Omit<Gitea, 'url' | 'close' | typeof Symbol.asyncDispose> {
  return {
    async createUser(login, password, email, full_name) {
      await call(url, ADMIN, 'POST', '/admin/users', {
        username: login,
        password,
        email,
        full_name,
        must_change_password: false,
      })
    },
    async createToken(login, password, name, scopes) {
      const path = `/users/${login}/tokens`
      const token = await call(url, { login, password }, 'POST', path, { name, scopes })
      return String(token.sha1)
    },
    async deleteToken(login, password, name) {
      await call(url, { login, password }, 'DELETE', `/users/${login}/tokens/${name}`)
    },
    async setProhibitLogin(login, prohibit_login) {
      await call(url, ADMIN, 'PATCH', `/admin/users/${login}`, {
        login_name: login,
        source_id: 0,
        prohibit_login,
      })
    },
    async pusherOf(login, password, repository, commit) {
      const path = `/repos/${login}/${repository}/activities/feeds?limit=50`
      const feed = await call(url, { login, password }, 'GET', path)
      // `call` takes every answer for an object; a feed is a list.
      const pushes = (feed as unknown as Activity[]).filter((one) => one.op_type === 'commit_repo')
      return pushes.find(({ content }) => content.includes(commit))?.act_user.login
    },
  }
}

/** @see https://docs.gitea.com/api/next/#tag/repository/operation/repoListActivityFeeds */
interface Activity {
  op_type: string
  act_user: { login: string }
  /** Of a push, JSON that names its commits. */
  content: string
}

async function call(
  url: string,
  who: { login: string; password: string },
  method: string,
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Basic ${btoa(`${who.login}:${who.password}`)}`,
      'content-type': 'application/json',
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text ? JSON.parse(text) : {}
}

/** @see https://docs.gitea.com/administration/config-cheat-sheet */
function configuration(at: {
  folder: string
  static_root: string | undefined
  port: number
  url: string
  invalidate_refresh_tokens: boolean
}): string {
  return `
APP_NAME = Gitea for tests
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
RUN_USER = ${process.env.USER ?? 'root'}
WORK_PATH = ${at.folder}
[server]
PROTOCOL = http
HTTP_ADDR = 127.0.0.1
HTTP_PORT = ${at.port}
ROOT_URL = ${at.url}/
${at.static_root === undefined ? '' : `STATIC_ROOT_PATH = ${at.static_root}`}
APP_DATA_PATH = ${join(at.folder, 'data')}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = ${join(at.folder, 'gitea.db')}
[security]
INSTALL_LOCK = true
SECRET_KEY = ${randomBytes(32).toString('hex')}
PASSWORD_HASH_ALGO = pbkdf2_v1
[service]
DISABLE_REGISTRATION = true
ENABLE_CAPTCHA = false
[oauth2]
INVALIDATE_REFRESH_TOKENS = ${at.invalidate_refresh_tokens}
[mailer]
ENABLED = false
[picture]
DISABLE_GRAVATAR = true
[indexer]
ISSUE_INDEXER_TYPE = db
[actions]
ENABLED = false
[cron]
ENABLED = false
[repository]
ROOT = ${join(at.folder, 'repositories')}
[session]
PROVIDER = memory
[log]
MODE = console
LEVEL = Warn
`
}

async function untilHealthy(url: string, server: ChildProcess): Promise<void> {
  const limit = AbortSignal.timeout(START_LIMIT_MS)
  for (;;) {
    limit.throwIfAborted()
    if (server.exitCode !== null) throw new Error(`gitea ended with ${server.exitCode}`)
    try {
      const response = await fetch(`${url}/api/healthz`, { signal: limit })
      await response.arrayBuffer()
      if (response.ok) return
    } catch (error) {
      if (limit.aborted) throw error
    }
    await after(50)
  }
}

function collectOutput(child: ChildProcess): () => string {
  const chunks: Buffer[] = []
  child.stdout?.on('data', (chunk) => chunks.push(chunk))
  child.stderr?.on('data', (chunk) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

async function run(
  command: string,
  args: string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv } = { cwd: HERE },
): Promise<string> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = collectOutput(child)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ${args[0]} ended with ${code}:\n${output()}`)
  return output()
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
