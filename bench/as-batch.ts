import { spawnSync } from 'node:child_process'
import process from 'node:process'

export interface Batch extends Disposable {
  /** False where the machine has no such thing. */
  is_batch: boolean
}

/**
 * Until disposed, makes this process one whose awakening pushes nobody aside: `SCHED_BATCH`,
 * sched(7). An ordinary one takes the processor from the server that has just answered it, in the
 * middle of its other answers, which a load from another machine would not.
 */
export function asBatch(): Batch {
  return { is_batch: schedule('--batch'), [Symbol.dispose]: () => void schedule('--other') }
}

function schedule(policy: '--batch' | '--other'): boolean {
  return spawnSync('chrt', [policy, '--pid', '0', String(process.pid)]).status === 0
}
