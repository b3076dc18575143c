import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

/**
 * `countersign ROLE` in a process of its own. Ended on disposal, if it still runs, and waited for: of
 * one that is killed, the PostgreSQL would still be writing to the folder that the test removes.
 */
export interface Program extends AsyncDisposable {
  /** The first match in what it says, on either stream. */
  says(pattern: RegExp): Promise<RegExpExecArray>
  signal(name: NodeJS.Signals): void
  ended: Promise<Ended>
}

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export function startProgram(role: string, settings: Record<string, string>): Program {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [MAIN, role], {
    env: { PATH, HOME, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = outcomeOf(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk
    })
  }

  return {
    ended,
    async says(pattern) {
      for (;;) {
        const match = pattern.exec(said)
        if (match !== null) return match
        const next = new AbortController()
        const { signal } = next
        const heard = [child.stdout, child.stderr].map((stream) => once(stream, 'data', { signal }))
        const over = await Promise.race([...heard, ended.then(() => 'over' as const)])
        next.abort()
        await Promise.allSettled(heard)
        if (over === 'over') throw new Error(`it ended without a word of ${pattern}:\n${said}`)
      }
    },
    signal: (name) => void child.kill(name),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      await ended
    },
  }
}

async function outcomeOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Ended> {
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}
