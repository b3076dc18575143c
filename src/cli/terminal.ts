import process, { stderr, stdout } from 'node:process'

/** What ends a command of ours before or instead of the one it was asked to run. */
export const exitCodes = {
  failed: 1,
  usage: 2,
  refused: 3,
  not_executable: 126,
  not_found: 127,
  interrupted: 130,
} as const

/** Ends a command with one line on the terminal. */
export class CommandError extends Error {
  readonly exit_code: number

  constructor(message: string, exit_code: number, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
    this.exit_code = exit_code
  }
}

/**
 * Where nobody reads what is said any more, what is being done goes on all the same. Where it cannot
 * be written, as on a full disk, that is a failure, which is told.
 */
export function outliveOutput(): void {
  stderr.on('error', () => {})
  stdout.once('error', ({ code }: NodeJS.ErrnoException) => {
    stdout.on('error', () => {})
    if (code === 'EPIPE') return
    say(`standard output cannot be written (${code}).`)
    process.once('exit', (ended) => {
      process.exitCode = ended || exitCodes.failed
    })
  })
}

/** One line on stderr. */
export function say(sentence: string): void {
  stderr.write(`countersign: ${onOneLine(sentence)}\n`)
}

/** One line on stdout, with its indentation. */
export function tell(sentence: string): void {
  const [indentation = ''] = /^ */.exec(sentence) ?? []
  stdout.write(`${indentation}${onOneLine(sentence)}\n`)
}

/** What came from elsewhere cannot break the line or steer the terminal. */
export function onOneLine(sentence: string): string {
  return sentence.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim()
}

/** A wrong word on the command line. */
export function usageError(command: string, problem: string): CommandError {
  const end = problem.endsWith('?') ? '' : '.'
  const sentence = `${command}: ${problem}${end} See "countersign ${command} --help".`
  return new CommandError(sentence, exitCodes.usage)
}
