// How long a second start takes, and what all its processes hold in memory when nothing is asked.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { freePort } from '../test/harness/ports.ts'
import { median, ms } from './figures.ts'
import { MAIN, startProgram, temporaryFolder } from './programs.ts'
import { alone, type Row, type Scale } from './row.ts'

const READY = /Ctrl-C stops/
const START_GOAL_MS = 3000
const MEMORY_GOAL_MB = 250
/** Until the database connections that a start needed and nobody uses any more are closed. */
const REST_MS = 12_000

/** Of all processes of a tree together, in MB. */
interface Memory {
  /** Pages that several share are counted once: `Pss`. */
  proportional: number
  resident: number
  processes: number
}

/** The first start makes the data folder; from then on the two ways of starting take turns. */
export async function measureStart({ quick }: Scale): Promise<Row[]> {
  const rounds = quick ? 2 : 3
  await using folder = await temporaryFolder()
  const env = await environment(folder.path)
  const direct = [process.execPath, MAIN, 'up'] as const
  const launcher = ['npm', 'start', '--silent'] as const
  await timeStart(launcher, env)
  const direct_ms: number[] = []
  const launcher_ms: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    direct_ms.push(await timeStart(direct, env))
    launcher_ms.push(await timeStart(launcher, env))
  }
  const memory = await memoryAtRest(launcher, env)
  return [
    startRow('warm start, src/main.ts up', direct_ms),
    startRow('warm start, npm start', launcher_ms),
    memoryRow('memory at rest, src/main.ts up', memory.countersign),
    memoryRow('memory at rest, npm start', memory.all),
  ]
}

async function environment(folder: string) {
  const [port, vault_port, sandbox_port] = [await freePort(), await freePort(), await freePort()]
  return {
    COUNTERSIGN_DATA: folder,
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_VAULT_PORT: String(vault_port),
    COUNTERSIGN_SANDBOX_PORT: String(sandbox_port),
    DATABASE_URL: '',
  }
}

type Environment = Awaited<ReturnType<typeof environment>>

async function timeStart(
  command: readonly [string, ...string[]],
  env: Environment,
): Promise<number> {
  const start = performance.now()
  await using program = await startProgram(command, env, READY)
  const time = performance.now() - start
  await endTree(program.pid, env.COUNTERSIGN_DATA)
  return time
}

/** Of everything, and of what is left without npm and its shell. */
async function memoryAtRest(
  command: readonly [string, ...string[]],
  env: Environment,
): Promise<{ all: Memory; countersign: Memory }> {
  await using program = await startProgram(command, env, READY)
  await setTimeout(REST_MS)
  const all = memoryOf(treeOf(program.pid))
  const countersign = memoryOf(treeOf(countersignPid(env.COUNTERSIGN_DATA)))
  await endTree(program.pid, env.COUNTERSIGN_DATA)
  return { all, countersign }
}

function memoryOf(pids: readonly number[]): Memory {
  const sizes = pids.map(memoryOfProcess)
  const sum = (name: 'Pss' | 'Rss') => sizes.reduce((total, size) => total + size[name], 0) / 1024
  return { proportional: sum('Pss'), resident: sum('Rss'), processes: sizes.length }
}

/**
 * Asks Countersign to end, and waits until the whole tree is gone. A signal to npm would not do:
 * npm does not pass it on to more than the shell between the two.
 */
async function endTree(pid: number, data_folder: string): Promise<void> {
  const pids = treeOf(pid)
  process.kill(countersignPid(data_folder), 'SIGTERM')
  while (pids.some((each) => parentOf(each) !== undefined)) await setTimeout(20)
}

/** The process that holds the data folder. */
function countersignPid(data_folder: string): number {
  const lock = readFileSync(join(data_folder, 'postgres', 'countersign.pid'), 'utf8')
  return Number(JSON.parse(lock).pid)
}

function treeOf(pid: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const parents = new Map(all.map((name) => [Number(name), parentOf(Number(name))]))
  const tree = [pid]
  for (const each of tree) {
    for (const [child, parent] of parents) if (parent === each) tree.push(child)
  }
  return tree
}

/** Undefined when there is no such process. @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? undefined : Number(parent)
  } catch {
    return undefined
  }
}

function memoryOfProcess(pid: number): { Pss: number; Rss: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const kilobytes = (name: string) => Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1])
  return { Pss: kilobytes('Pss'), Rss: kilobytes('Rss') }
}

function startRow(what: string, times_ms: readonly number[]): Row {
  const time = median(times_ms)
  return {
    what,
    ours: ms(time),
    reference: '',
    ratio: '',
    goal: '<= 3 s',
    met: time <= START_GOAL_MS,
  }
}

function memoryRow(what: string, { proportional, resident, processes }: Memory): Row {
  return {
    what,
    ours: `${proportional.toFixed(0)} MB in ${processes} processes (RSS ${resident.toFixed(0)})`,
    reference: '',
    ratio: '',
    goal: `<= ${MEMORY_GOAL_MB} MB`,
    met: proportional <= MEMORY_GOAL_MB,
  }
}

if (import.meta.main) await alone(measureStart)
