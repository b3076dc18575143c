import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { SignalRelay } from './signals.ts'
import { CommandError, exitCodes } from './terminal.ts'

export interface ChildOptions {
  command: string
  args: readonly string[]
  env: Record<string, string>
  signals: SignalRelay
}

/**
 * Runs a command on our terminal to its end.
 *
 * @returns its exit code; 128 + n when signal n ended it, as a shell reports it
 * @throws {CommandError} when it cannot be started: 127 not found, 126 not executable
 */
export function runChild({ command, args, env, signals }: ChildOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = start(command, args, env)
    child.on('error', (error) => {
      // Failing to deliver a signal is an 'error' too; the command still ends by itself.
      if (child.pid === undefined) reject(notStarted(command, error))
    })
    child.on('exit', (code, signal) => {
      resolve(signal === null ? (code ?? 0) : 128 + constants.signals[signal])
    })
    if (child.pid !== undefined) signals.attach(child)
  })
}

/** Node throws some of the reasons for which there is no process, and emits the others. */
function start(command: string, args: readonly string[], env: ChildOptions['env']): ChildProcess {
  try {
    return spawn(command, args, { env, stdio: 'inherit' })
  } catch (error) {
    throw notStarted(command, error)
  }
}

function notStarted(command: string, cause: unknown): CommandError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'ENOENT'
    ? new CommandError(`${command}: command not found`, exitCodes.not_found, { cause })
    : new CommandError(`${command}: cannot be run (${code})`, exitCodes.not_executable, { cause })
}
