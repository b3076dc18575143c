import { spawnSync } from 'node:child_process'
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { EmbeddedPostgresError } from './embedded-error.ts'

/** Marks a folder as belonging to this process, until it is released. */
export interface FolderLock {
  release(): void
}

interface Holder {
  pid: number
  /** Together with the pid it names one process for good: pids are used again. */
  started: string
}

/** A claim is held for microseconds; one this old was left by a process that was killed. */
const ABANDONED_CLAIM_MS = 10_000

/**
 * Takes the lock file at `path`, also from a process that no longer runs.
 *
 * @throws {EmbeddedPostgresError} `in-use`, naming the process that holds it
 */
export function lockFolder(path: string): FolderLock {
  const holder: Holder = { pid: process.pid, started: processStart(process.pid) ?? '' }
  const text = `${JSON.stringify(holder)}\n`
  const draft = `${path}.${process.pid}`
  try {
    writeFileSync(draft, text, { mode: 0o600 })
    while (!linkIfAbsent(draft, path)) takeOver(draft, path)
  } finally {
    rmSync(draft, { force: true })
  }
  return {
    release() {
      if (readText(path) === text) rmSync(path, { force: true })
    },
  }
}

/** When a process started, in a form only good for comparing; `undefined` if it does not run. */
export function processStart(pid: number): string | undefined {
  if (process.platform !== 'linux') return processStartByPs(pid)
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

function processStartByPs(pid: number): string | undefined {
  const ps = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
  if (ps.error === undefined) return ps.stdout.trim() || undefined
  try {
    process.kill(pid, 0)
    return 'running'
  } catch {
    return undefined
  }
}

/**
 * Removes the lock of a dead process. Of several that see the same dead holder, the one that makes
 * the claim file goes on, and looks again before it removes: the lock may have changed hands.
 */
function takeOver(draft: string, path: string): void {
  const found = readText(path)
  if (found === undefined) return
  const holder = parseHolder(found)
  if (isRunning(holder)) throw inUse(path, holder)
  const claim = `${path}.claim`
  if (!linkIfAbsent(draft, claim)) {
    if (ageOf(claim) < ABANDONED_CLAIM_MS) throw inUse(path, undefined)
    rmSync(claim, { force: true })
    return
  }
  try {
    if (readText(path) === found) rmSync(path, { force: true })
  } finally {
    rmSync(claim, { force: true })
  }
}

function linkIfAbsent(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, started } = JSON.parse(text)
    return { pid: Number(pid), started: String(started) }
  } catch {
    return undefined
  }
}

function isRunning(holder: Holder | undefined): boolean {
  return holder !== undefined && processStart(holder.pid) === holder.started
}

function ageOf(path: string): number {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)
}

function inUse(path: string, holder: Holder | undefined): EmbeddedPostgresError {
  const who = holder === undefined ? 'another process' : `the process with pid ${holder.pid}`
  const message = `A running Countersign, ${who}, uses this data folder already (${path}). Stop it, or choose another data folder.`
  return new EmbeddedPostgresError('in-use', message)
}
