import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { join } from 'node:path'
import { type Ended, execute, isolated } from '../agent/git-end.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')

/** What a command sees of the machine. */
export interface Installation {
  env: Record<string, string>
}

/** The environment of a machine that is set up for the vault at `url`. */
export function installation(url: string, extra: Record<string, string> = {}): Installation {
  return {
    env: isolated({
      COUNTERSIGN_VAULT_URL: url,
      COUNTERSIGN_RUNTIME_KEY: 'csr_test',
      ...extra,
    }),
  }
}

/** Runs `countersign …` to its end. */
export function countersign(args: readonly string[], { env }: Installation): Promise<Ended> {
  return execute(process.execPath, [MAIN, ...args], { env })
}

/** Starts `countersign …`. */
export function startCountersign(
  args: readonly string[],
  { env }: Installation,
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [MAIN, ...args], { env })
}

/** `countersign …` as one word for a shell. */
export function commandLine(args: readonly string[]): string {
  return [process.execPath, MAIN, ...args]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(' ')
}
