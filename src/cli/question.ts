import { stdin, stdout } from 'node:process'
import { createInterface } from 'node:readline/promises'
import { onOneLine } from './terminal.ts'

/** Whether somebody can be asked. */
export function isTerminal(): boolean {
  return stdin.isTTY && stdout.isTTY
}

/** Asks on the terminal; anything but yes is no. Undefined where there is no terminal to ask at. */
export async function askYesOrNo(
  question: string,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  if (!isTerminal()) return undefined
  const terminal = createInterface({ input: stdin, output: stdout })
  terminal.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    const answer = await terminal.question(`${onOneLine(question)} [y/N] `, { signal })
    return /^\s*y(es)?\s*$/i.test(answer)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    terminal.close()
  }
}
