import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { git, gitEnvironment } from './git.ts'
import type { Exchange } from './http.ts'
import { repositoryFolder } from './repositories.ts'
import type { Account, Forge, Push, Repository } from './state.ts'

export interface Target {
  owner: Account
  repository: Repository
  /** Who asks; undefined for an anonymous reader. */
  account: Account | undefined
  may_write: boolean
}

const HEADER_LIMIT = 16 * 1024
const COMMITS_PER_PUSH = 200
const NO_COMMIT = /^0+$/

/** Like Gitea, a reader's push is only refused here, after the refs were advertised. */
const PRE_RECEIVE = `#!/bin/sh
if [ "$SANDBOX_MAY_WRITE" != yes ]; then
  echo "error: User permission denied for writing." >&2
  exit 1
fi
`
const POST_RECEIVE = `#!/bin/sh
cat >"$SANDBOX_PUSHED"
`

/** Writes the hooks that guard and record pushes into the data folder. */
export async function writeHooks(data_folder: string): Promise<void> {
  const folder = join(data_folder, 'hooks')
  await mkdir(folder, { recursive: true })
  await mkdir(join(data_folder, 'pushed'), { recursive: true })
  for (const [name, text] of [
    ['pre-receive', PRE_RECEIVE],
    ['post-receive', POST_RECEIVE],
  ] as const) {
    await writeFile(join(folder, name), text)
    await chmod(join(folder, name), 0o755)
  }
}

/**
 * Lets the real `git http-backend` answer a request, streaming both ways, and records what was
 * pushed before the answer ends.
 * @see https://git-scm.com/docs/git-http-backend
 */
export async function runHttpBackend(
  forge: Forge,
  exchange: Exchange,
  target: Target,
): Promise<void> {
  const { request, response } = exchange
  const pushed = join(forge.data_folder, 'pushed', crypto.randomUUID())
  const child = spawn('git', ['http-backend'], {
    env: environment(forge, exchange, target, pushed),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  response.once('close', () => child.kill())
  // When git stops reading before the request ends, what it answered says why.
  const sending = pipeline(request, child.stdin).catch(() => {})
  try {
    await sendCgiHead(child.stdout, response)
    await pipeline(child.stdout, response, { end: false })
    await exited
    await recordPushes(forge, target, pushed)
    response.end()
  } catch (error) {
    child.kill()
    if (!response.destroyed) throw error
  } finally {
    await sending
    await rm(pushed, { force: true })
  }
}

function environment(
  forge: Forge,
  { request, url }: Exchange,
  { owner, repository, account, may_write }: Target,
  pushed: string,
): NodeJS.ProcessEnv {
  const service = url.pathname.replace(/^\/[^/]+\/[^/]+/, '')
  const header = (name: string) => request.headers[name]?.toString() ?? ''
  return {
    ...gitEnvironment(forge.data_folder, {
      'core.hooksPath': join(forge.data_folder, 'hooks'),
      'http.receivepack': 'true',
      'http.uploadpack': 'true',
      'uploadpack.allowFilter': 'true',
      'uploadpack.allowAnySHA1InWant': 'true',
      'receive.advertisePushOptions': 'true',
    }),
    GIT_HTTP_EXPORT_ALL: '1',
    GIT_PROJECT_ROOT: repositoryFolder(forge, owner, repository),
    PATH_INFO: service,
    REQUEST_METHOD: request.method ?? 'GET',
    QUERY_STRING: url.search.slice(1),
    CONTENT_TYPE: header('content-type'),
    ...(header('content-length') ? { CONTENT_LENGTH: header('content-length') } : {}),
    HTTP_CONTENT_ENCODING: header('content-encoding'),
    GIT_PROTOCOL: header('git-protocol'),
    REMOTE_ADDR: request.socket.remoteAddress ?? '',
    REMOTE_USER: account?.login ?? '',
    SANDBOX_MAY_WRITE: may_write ? 'yes' : 'no',
    SANDBOX_PUSHED: pushed,
  }
}

/** Reads the header of a CGI answer (RFC 3875, section 6) and sends it; the body stays unread. */
async function sendCgiHead(output: Readable, response: ServerResponse): Promise<void> {
  let read = Buffer.alloc(0)
  for (;;) {
    const chunk: Buffer | null = output.read()
    if (chunk === null) {
      if (output.readableEnded || output.destroyed) throw new Error('git http-backend said nothing')
      await Promise.race([once(output, 'readable'), once(output, 'end')])
      continue
    }
    read = Buffer.concat([read, chunk])
    const end = read.indexOf('\r\n\r\n')
    if (end < 0 && read.length < HEADER_LIMIT) continue
    if (end < 0) throw new Error('git http-backend sent no header')
    output.unshift(read.subarray(end + 4))
    let status = 200
    for (const line of read.subarray(0, end).toString('latin1').split('\r\n')) {
      const [name = '', value = ''] = line.split(/:\s*/, 2)
      if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10)
      else response.setHeader(name, value)
    }
    response.writeHead(status)
    return
  }
}

async function recordPushes(forge: Forge, target: Target, pushed: string): Promise<void> {
  const lines = await readFile(pushed, 'utf8').catch(() => '')
  const folder = repositoryFolder(forge, target.owner, target.repository)
  for (const line of lines.split('\n').filter(Boolean)) {
    const [old = '', next = '', ref = ''] = line.split(' ')
    forge.state.pushes.push({
      repository: `${target.owner.login}/${target.repository.name}`,
      login: target.account?.login ?? '',
      ref,
      old,
      new: next,
      commits: await commitsBetween(folder, { old, new: next, ref }),
      pushed_at: forge.now().toISOString(),
    })
    target.repository.updated_at = forge.now().toISOString()
    forge.changed()
  }
}

/** The commits that one ref update brought in, as far as they can be told. */
async function commitsBetween(
  folder: string,
  update: Pick<Push, 'old' | 'new' | 'ref'>,
): Promise<string[]> {
  if (NO_COMMIT.test(update.new)) return []
  const known = NO_COMMIT.test(update.old)
    ? ['--not', `--exclude=${update.ref}`, '--all']
    : [`^${update.old}`]
  const list = await git(folder, [
    'rev-list',
    `--max-count=${COMMITS_PER_PUSH}`,
    update.new,
    ...known,
  ]).catch(() => '')
  return list.split('\n').filter(Boolean)
}
