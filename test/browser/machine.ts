import { join } from 'node:path'
import { type Ended, isolated } from '../agent/git-end.ts'
import { countersign, type Installation, startCountersign } from '../cli/countersign.ts'

/** Where a runtime works: an account without any configuration of Git, and a clone. */
export interface Machine {
  /** `countersign run` as the person, to its end. */
  run(...command: string[]): Promise<Ended>
  /** A shell in the clone that acts as the person for as long as its input lasts. */
  shell(): ReturnType<typeof startCountersign>
  clone(url: string): Promise<Ended>
  /** Commits a file of this name and pushes it. */
  push(name: string): Promise<Ended>
  folder: string
}

/**
 * @param home has the account's files, and a clone for each runtime
 * @param settings how `countersign` reaches the vault, as the environment says it
 */
export function machineOf(
  runtime: string,
  person: string,
  home: string,
  settings: Record<string, string>,
): Machine {
  const folder = join(home, runtime)
  const as = ['run', '--as', person, '--']
  const installation: Installation = { env: isolated({ HOME: home, ...settings }) }
  const run = (...command: string[]) => countersign([...as, ...command], installation)
  return {
    folder,
    run,
    shell: () => startCountersign([...as, 'sh', '-c', `cd '${folder}' && exec sh`], installation),
    clone: (url) => run('git', 'clone', '--quiet', url, folder),
    push: (name) => run('sh', '-ec', `cd '${folder}'\n${commitScript(name)}\ngit push --quiet`),
  }
}

/** A commit on top of whatever the forge has by now. */
export function commitScript(name: string): string {
  return `git pull --quiet --rebase
    echo '${name}' >'${name}'
    git add --all
    git commit --quiet --message 'Say ${name}'`
}
