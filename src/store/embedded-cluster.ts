import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Account } from './embedded-account.ts'
import { EmbeddedPostgresError, outputError } from './embedded-error.ts'

export const POSTGRES_USER = 'countersign'

/** Where PostgreSQL listens, as its settings and as the host part of a URL. */
export interface ListenAddress {
  settings: Record<string, string>
  authority: string
  close(): void
}

interface ClusterPlan {
  folder: string
  cluster: string
  initdb: string
  account: Account
  password: string
  /** Flush to disk before the cluster gets its name. */
  sync: boolean
}

const DRAFT_PREFIX = 'cluster.new-'

/** On a Unix socket this is only a part of the file's name; no port is opened. */
const SOCKET_PORT = 54321

/** Linux allows 107 bytes, macOS 103. */
const MAX_SOCKET_PATH_BYTES = 100

/** The password of our one database user: read from `folder`, or made and stored there. */
export function ensurePassword(folder: string): string {
  const path = join(folder, 'password')
  if (existsSync(path)) return readFileSync(path, 'utf8').trim()
  if (existsSync(join(folder, 'cluster'))) {
    const message = `The file ${path} is missing: without it the database in ${folder} does not open. Restore it from a backup.`
    throw new EmbeddedPostgresError('failed', message)
  }
  const password = randomBytes(32).toString('base64url')
  const draft = `${path}.new`
  writeFileSync(draft, `${password}\n`, { mode: 0o600, flush: true })
  renameSync(draft, path)
  return password
}

/**
 * Makes the database cluster unless it is there. It is made under another name and renamed when
 * complete, so that a full disk or a kill leaves nothing that looks like a database.
 */
export async function ensureCluster(plan: ClusterPlan): Promise<void> {
  if (existsSync(plan.cluster)) return
  for (const name of readdirSync(plan.folder)) {
    if (name.startsWith(DRAFT_PREFIX)) {
      rmSync(join(plan.folder, name), { recursive: true, force: true })
    }
  }
  const draft = mkdtempSync(join(plan.folder, DRAFT_PREFIX))
  try {
    giveTo(plan.account, draft)
    await runInitdb(plan, draft)
    renameSync(draft, plan.cluster)
    if (plan.sync) syncFolder(plan.folder)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** Prefers a Unix socket in a private folder: no port, and nobody else can even connect. */
export async function openListenAddress(folder: string, account: Account): Promise<ListenAddress> {
  if (process.platform !== 'win32') {
    const own = join(folder, 'socket')
    if (fitsSocket(own)) return listenOnSocket(own, account, false)
    if (fitsSocket(join(tmpdir(), 'countersign-XXXXXX'))) {
      return listenOnSocket(mkdtempSync(join(tmpdir(), 'countersign-')), account, true)
    }
  }
  const port = await freePort()
  return {
    settings: { listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: '' },
    authority: `127.0.0.1:${port}`,
    close() {},
  }
}

function listenOnSocket(folder: string, account: Account, isTemporary: boolean): ListenAddress {
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o700)
  giveTo(account, folder)
  return {
    settings: {
      listen_addresses: '',
      port: String(SOCKET_PORT),
      unix_socket_directories: `"${folder.replaceAll('"', '""')}"`,
    },
    authority: `${encodeURIComponent(folder)}:${SOCKET_PORT}`,
    close() {
      if (isTemporary) rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** @see https://www.postgresql.org/docs/18/app-initdb.html */
async function runInitdb(plan: ClusterPlan, draft: string): Promise<void> {
  const passwordFile = `${draft}.password`
  try {
    writeFileSync(passwordFile, `${plan.password}\n`, { mode: 0o600 })
    giveTo(plan.account, passwordFile)
    const { file, args, options } = plan.account.command(plan.initdb, [
      `--pgdata=${draft}`,
      `--username=${POSTGRES_USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Sorts alike on every machine, whatever locales it has.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
      ...(plan.sync ? [] : ['--no-sync']),
    ])
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    if (code !== 0) throw outputError(plan.folder, 'initdb', errors.trim().split('\n'))
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

function giveTo(account: Account, path: string): void {
  if (account.owner !== undefined) chownSync(path, account.owner.uid, account.owner.gid)
}

function fitsSocket(folder: string): boolean {
  return Buffer.byteLength(`${folder}/.s.PGSQL.${SOCKET_PORT}`) <= MAX_SOCKET_PATH_BYTES
}

function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}
