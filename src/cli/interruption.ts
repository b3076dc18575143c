import { CommandError, exitCodes } from './terminal.ts'

/** What an interrupted command ends with. @param known what became of what it was about */
export function givenUp(known = ''): CommandError {
  return new CommandError(`given up. ${known}`, exitCodes.interrupted)
}

/** Aborts when the person presses Ctrl-C, or the command is told to end. Dispose stops listening. */
export interface Interruption extends Disposable {
  signal: AbortSignal
}

export function interruption(): Interruption {
  const controller = new AbortController()
  const abort = () => controller.abort(givenUp())
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, abort)
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, abort)
    },
  }
}
