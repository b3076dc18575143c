import type { ChildProcess } from 'node:child_process'
import { stderr, stdin, stdout } from 'node:process'

/** Sent by the terminal to everything in its foreground: the command gets its own. */
const fromTerminal = ['SIGINT', 'SIGQUIT'] as const
const addressed = ['SIGTERM', 'SIGHUP'] as const

export interface SignalRelay extends Disposable {
  /** Hands on what comes, and what came before there was a `child`. */
  attach: (child: ChildProcess) => void
}

/**
 * Keeps us alive through the signals that end the command, so that we can tidy up after it, and
 * hands it those that reach only us.
 */
export function relaySignals(): SignalRelay {
  let child: ChildProcess | undefined
  let early: NodeJS.Signals | undefined
  const hasTerminal = stdin.isTTY || stdout.isTTY || stderr.isTTY

  const relay = (signal: NodeJS.Signals) => {
    if (child === undefined) early = signal
    else child.kill(signal)
  }
  const relayUnlessShared = (signal: NodeJS.Signals) => {
    if (child === undefined || !hasTerminal) relay(signal)
  }
  for (const signal of addressed) process.on(signal, relay)
  for (const signal of fromTerminal) process.on(signal, relayUnlessShared)

  return {
    attach(started) {
      child = started
      if (early !== undefined) child.kill(early)
    },
    [Symbol.dispose]() {
      for (const signal of addressed) process.off(signal, relay)
      for (const signal of fromTerminal) process.off(signal, relayUnlessShared)
    },
  }
}
