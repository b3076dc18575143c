import { EventEmitter, once } from 'node:events'
import { spawn } from '@lydell/node-pty'

/** A command in a terminal of its own, as if somebody sat at it. */
export interface Terminal {
  /** All that it has shown, with plain line ends. */
  shown: () => string
  /** Resolves when it shows more. */
  more: () => Promise<unknown>
  signal: (name: NodeJS.Signals) => void
  /** Null: a signal ended it. */
  ended: Promise<number | null>
}

/** Where somebody looks at a terminal, and what they type then, once. */
export interface Typing {
  at: RegExp
  keys: string
}

/** Runs a shell's command line in a terminal of its own. */
export function openTerminal(
  line: string,
  env: Record<string, string | undefined>,
  { at, keys }: Typing,
): Terminal {
  const terminal = spawn('/bin/sh', ['-c', `exec ${line}`], { env })
  const heard = new EventEmitter()
  let shown = ''
  let typed = false
  terminal.onData((text) => {
    shown += text.replaceAll('\r', '')
    if (!typed && at.test(shown)) {
      typed = true
      terminal.write(keys)
    }
    heard.emit('more')
  })
  return {
    shown: () => shown,
    more: () => once(heard, 'more'),
    signal: (name) => terminal.kill(name),
    ended: new Promise((resolve) => {
      terminal.onExit(({ exitCode, signal }) => resolve(signal ? null : exitCode))
    }),
  }
}
