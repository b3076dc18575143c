import { stderr } from 'node:process'

/** What ends a command of ours before or instead of the one it was asked to run. */
export const exitCodes = { usage: 2, refused: 3, not_executable: 126, not_found: 127 } as const

/** Ends a command with one line on the terminal. */
export class CommandError extends Error {
  readonly exit_code: number

  constructor(message: string, exit_code: number, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
    this.exit_code = exit_code
  }
}

/** One line on stderr. What came from elsewhere cannot break the line or steer the terminal. */
export function say(sentence: string): void {
  stderr.write(`countersign: ${sentence.replace(/[\s\p{Cc}]+/gu, ' ').trim()}\n`)
}

/** A wrong word on the command line. */
export function usageError(command: string, problem: string): CommandError {
  const sentence = `${command}: ${problem}. See "countersign ${command} --help".`
  return new CommandError(sentence, exitCodes.usage)
}
