import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposable } from 'node:fs/promises'
import { devNull, tmpdir } from 'node:os'
import { join } from 'node:path'

export interface GitOutcome {
  code: number
  stdout: string
  stderr: string
}

/** Runs the real git as a person without any configuration would, and never lets it ask. */
export async function runGit(folder: string, ...args: string[]): Promise<GitOutcome> {
  const child = spawn('git', args, {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      LC_ALL: 'C.UTF-8',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: devNull,
      GIT_TERMINAL_PROMPT: '0',
      GIT_AUTHOR_NAME: 'Someone',
      GIT_AUTHOR_EMAIL: 'someone@example.com',
      GIT_COMMITTER_NAME: 'Someone',
      GIT_COMMITTER_EMAIL: 'someone@example.com',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output.stderr += text
  })
  const [code] = await once(child, 'close')
  return { code: code ?? -1, ...output }
}

/** Runs git and insists that it succeeds; answers what it printed. */
export async function git(folder: string, ...args: string[]): Promise<string> {
  const outcome = await runGit(folder, ...args)
  if (outcome.code !== 0) throw new Error(`git ${args[0]}: ${outcome.stderr}`)
  return outcome.stdout.trim()
}

/** A folder that is gone when its owner is done with it. */
export function temporaryFolder() {
  return mkdtempDisposable(join(tmpdir(), 'countersign-test-'))
}

/** A repository's URL with a user name and a password in it, the way Git takes both. */
export function withCredential(url: string, path: string, user: string, password: string): string {
  const target = new URL(path, url)
  target.username = user
  target.password = password
  return target.href
}

/** An `Authorization` header of the Basic scheme (RFC 7617). */
export function basic(user: string, password: string): { authorization: string } {
  return { authorization: `Basic ${btoa(`${user}:${password}`)}` }
}
