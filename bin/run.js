import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { isNode24, node24, ROOT, SetupError } from './setup.js'

const MAIN = join(ROOT, 'src', 'main.ts')

/**
 * Runs Countersign, in this process if its Node can, or else in a second one that this one then
 * ends like.
 *
 * @param {string[]} args
 * @returns {Promise<void>}
 */
export async function runCountersign(args) {
  const node = node24()
  if (!isNode24()) return endLike(await runInherited(node, [MAIN, ...args]))
  process.argv.splice(2, Infinity, ...args)
  await import('../src/main.ts')
}

/**
 * Runs a program on this terminal and waits for its end. What is asked of this process by a
 * signal is asked of the program.
 *
 * @param {string} file
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>}
 */
export function runInherited(file, args, env = process.env) {
  const child = spawn(file, args, { stdio: 'inherit', env })
  // A terminal signals all its processes, so the program has these two already.
  const fromTerminal = process.stdin.isTTY === true || process.stderr.isTTY === true
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  /** @param {NodeJS.Signals} signal */
  function forward(signal) {
    if (signal === 'SIGTERM' || !fromTerminal) child.kill(signal)
  }
  for (const signal of signals) process.on(signal, forward)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      for (const name of signals) process.off(name, forward)
      resolve({ code, signal })
    })
  })
}

/**
 * Ends this process as another one ended, so that a shell sees no difference.
 *
 * @param {{ code: number | null, signal: NodeJS.Signals | null }} end
 */
export function endLike({ code, signal }) {
  process.exitCode = code ?? 1
  if (signal !== null) process.kill(process.pid, signal)
}

/**
 * @param {() => Promise<void>} main
 * @returns {Promise<void>}
 */
export async function reportingSetupErrors(main) {
  try {
    await main()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
