import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export const ROOT = join(import.meta.dirname, '..')
export const MAIN = join(ROOT, 'src', 'main.ts')

/** A program that we started. Dispose asks it to end and waits. */
export interface Program extends AsyncDisposable {
  pid: number
  /** What `pattern` found in its output. */
  found: RegExpExecArray
}

/**
 * Starts a program and waits until a line of its standard output or standard error matches.
 *
 * @throws Error with its output when it ends before that
 */
export async function startProgram(
  [file, ...args]: readonly [string, ...string[]],
  env: Record<string, string>,
  pattern: RegExp,
): Promise<Program> {
  const child = spawn(file, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const found = await firstMatch(child, pattern)
  return {
    pid: child.pid ?? 0,
    found,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** A folder that is removed in the end. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'countersign-bench-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

async function firstMatch(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  const output: string[] = []
  const match = new Promise<RegExpExecArray>((resolve) => {
    for (const stream of [child.stdout, child.stderr] as Readable[]) {
      createInterface(stream).on('line', (line) => {
        output.push(line)
        const found = pattern.exec(line)
        if (found !== null) resolve(found)
      })
    }
  })
  const ended = once(child, 'close').then(() => {
    throw new Error(`${child.spawnargs.join(' ')} ended early:\n${output.join('\n')}`)
  })
  return await Promise.race([match, ended])
}
