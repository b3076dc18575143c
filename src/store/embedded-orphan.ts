import { spawnSync } from 'node:child_process'
import { readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedPostgresError } from './embedded-error.ts'
import { processStart } from './embedded-lock.ts'

/** A shutdown writes what is in memory to disk; a slow disk may need this long. */
const SHUTDOWN_MS = 60_000

/**
 * Shuts down the PostgreSQL that a killed Countersign left in a cluster. The caller holds the
 * folder's lock, so no running Countersign owns it.
 *
 * @throws {EmbeddedPostgresError} `in-use` for a PostgreSQL that somebody else started
 */
export async function stopOrphan(cluster: string): Promise<void> {
  const pid = readPostmasterPid(cluster)
  if (pid === undefined) return
  const started = processStart(pid)
  // PostgreSQL itself clears the file of a dead process, after looking for its shared memory.
  if (started === undefined) return
  if (!runsIn(cluster, pid)) {
    // The pid now belongs to another program, and PostgreSQL would take that for a postmaster.
    rmSync(join(cluster, 'postmaster.pid'), { force: true })
    return
  }
  if (!readCommandLine(pid).includes('cluster_name=countersign')) {
    const message = `Another PostgreSQL, pid ${pid}, runs on ${cluster}. Stop it, then start again.`
    throw new EmbeddedPostgresError('in-use', message)
  }
  process.kill(pid, 'SIGINT')
  const deadline = Date.now() + SHUTDOWN_MS
  // It is no child of ours: there is nothing to wait on but its absence.
  while (processStart(pid) === started) {
    if (Date.now() > deadline) {
      const message = `An earlier PostgreSQL, pid ${pid}, does not shut down on ${cluster}.`
      throw new EmbeddedPostgresError('in-use', message)
    }
    await sleep(10)
  }
}

/** @see https://www.postgresql.org/docs/18/storage-file-layout.html on `postmaster.pid` */
function readPostmasterPid(cluster: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(cluster, 'postmaster.pid'), 'utf8'), 10)
    return pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}

/** A postmaster's working folder is its cluster. */
function runsIn(cluster: string, pid: number): boolean {
  if (process.platform !== 'linux') return readCommandLine(pid).includes(cluster)
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === cluster
  } catch {
    return false
  }
}

function readCommandLine(pid: number): string {
  if (process.platform === 'linux') {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
    } catch {
      return ''
    }
  }
  const ps = spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  return ps.stdout ?? ''
}
