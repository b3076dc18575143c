import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** A folder of the test's own. */
export async function temporaryFolder(prefix = 'countersign-test-') {
  const path = await mkdtemp(join(tmpdir(), prefix))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** What a command sees of the machine: no configuration of Git but what `extra` says. */
export function isolated(extra: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    ...extra,
  }
}

export interface ExecuteOptions {
  env?: Record<string, string>
  input?: string
  cwd?: string
  /** Runs it as another account. */
  uid?: number
}

/** Runs a command to its end. */
export async function execute(
  command: string,
  args: readonly string[],
  { env = isolated(), input = '', cwd, uid }: ExecuteOptions = {},
): Promise<Ended> {
  const account = uid === undefined ? {} : { uid, gid: uid }
  const child = spawn(command, args, { env, ...(cwd && { cwd }), ...account })
  const exited = once(child, 'close')
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await exited
  return { code, stdout, stderr }
}

/** `git credential ACTION` with the agent's socket as its only helper, and `next` after it. */
export function gitCredential(
  action: 'fill' | 'approve' | 'reject',
  socket_path: string,
  attributes: Record<string, string>,
  { next = '', ...options }: { next?: string } & ExecuteOptions = {},
): Promise<Ended> {
  const helpers = ['', `cache --timeout=1 --socket=${socket_path}`, ...(next ? [next] : [])]
  const config = helpers.flatMap((helper) => ['-c', `credential.helper=${helper}`])
  const input = Object.entries(attributes).map(([name, value]) => `${name}=${value}\n`)
  return execute('git', [...config, '-c', 'credential.useHttpPath=true', 'credential', action], {
    ...options,
    input: `${input.join('')}\n`,
  })
}
