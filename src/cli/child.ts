import { spawn } from 'node:child_process'
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
    const child = spawn(command, args, { env, stdio: 'inherit' })
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

function notStarted(command: string, error: Error): CommandError {
  const missing = 'code' in error && error.code === 'ENOENT'
  return missing
    ? new CommandError(`${command}: command not found`, exitCodes.not_found, { cause: error })
    : new CommandError(`${command}: cannot be run`, exitCodes.not_executable, { cause: error })
}
