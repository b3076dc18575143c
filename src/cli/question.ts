import { stderr, stdin, stdout } from 'node:process'
import { createInterface } from 'node:readline/promises'
import { addAbortSignal, Writable } from 'node:stream'
import { givenUp } from './interruption.ts'
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
  } catch {
    signal.throwIfAborted()
    // Ctrl-D: no answer will come.
    throw givenUp()
  } finally {
    terminal.close()
  }
}

/**
 * A secret that somebody types or pastes on the terminal, where it is not shown, or else what
 * standard input holds, without the line break that ends it.
 *
 * @param question asked on standard error, so that standard output may go elsewhere
 * @param most characters that are read from standard input
 */
export async function readSecret(
  question: string,
  most: number,
  signal: AbortSignal,
): Promise<string> {
  return stdin.isTTY ? await askHidden(question, signal) : await readInput(most, signal)
}

async function askHidden(question: string, signal: AbortSignal): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({
    input: stdin,
    output: nowhere,
    terminal: true,
    historySize: 0,
  })
  terminal.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    // Written once the terminal echoes no more, and not by what writes to nowhere.
    stderr.write(`${onOneLine(question)} `)
    return await terminal.question('', { signal })
  } catch {
    signal.throwIfAborted()
    // Ctrl-D: no answer will come.
    throw givenUp()
  } finally {
    terminal.close()
    stderr.write('\n')
  }
}

async function readInput(most: number, signal: AbortSignal): Promise<string> {
  let text = ''
  try {
    for await (const chunk of addAbortSignal(signal, stdin).setEncoding('utf8')) {
      text += chunk
      if (text.length > most) break
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
  return text.replace(/\r?\n$/, '')
}
