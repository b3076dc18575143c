// What refreshing 1,000 tokens costs in a large installation, against the same in a small one.
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { median, medianRatio, times } from './figures.ts'
import { type GrantInstallation, startGrantInstallation } from './grants.ts'
import { fillWithGrants, makeDue, pickGrants } from './many-connections.ts'
import { timeOf, timeWithChildren } from './process-time.ts'
import { alone, type Row, type Scale } from './row.ts'
import { startTokenServer, type TokenServer } from './token-server.ts'

const SMALL = 10_000
const LARGE = 100_000
const LARGE_FULL = 1_000_000
const DUE = 1000
/** So many that what each of them allows in a second does not take long. */
const HOSTS = 8
/** From being made due to being due; what it costs is counted from just before that. */
const AHEAD_MS = 5000
const EARLY_MS = 500
/** Still counted after the last refresh, for what comes of it. */
const AFTER_MS = 1500
const GOAL = 1.3

/** What was spent so far, or in one window. */
interface Cost {
  cpu_ms: number
  wal_kb: number
  /** Pages of the database that were looked at, in memory or not. */
  pages: number
}

interface Side {
  installation: GrantInstallation
  vault_pid: number
  due: string[]
}

/** Both installations are up all the time, and have their 1,000 in turns. */
export async function measureScheduler({ quick, full }: Scale): Promise<Row[]> {
  const rounds = quick ? 2 : 5
  const size = full ? LARGE_FULL : LARGE
  await using resources = new AsyncDisposableStack()
  const hosts: TokenServer[] = []
  for (let index = 0; index < HOSTS; index += 1) {
    hosts.push(resources.use(await startTokenServer()))
  }
  const urls = hosts.map(({ url }) => url)
  const large = await startSide(resources.use(await startGrantInstallation(urls)), size, rounds)
  const small = await startSide(resources.use(await startGrantInstallation(urls)), SMALL, rounds)
  const ours: Cost[] = []
  const reference: Cost[] = []
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await costOfRound(large, hosts))
    reference.push(await costOfRound(small, hosts))
  }
  return rowsOf(size, ours, reference)
}

async function startSide(
  installation: GrantInstallation,
  size: number,
  rounds: number,
): Promise<Side> {
  await fillWithGrants(installation, size)
  const due = await pickGrants(installation, rounds * DUE)
  return { installation, due, vault_pid: (await installation.vault()).pid }
}

/** Has the next 1,000 due, and counts until all of them have been refreshed. */
async function costOfRound(side: Side, hosts: readonly TokenServer[]): Promise<Cost> {
  for (const host of hosts) host.forget()
  const begin = performance.now() + AHEAD_MS
  await makeDue(side.installation, side.due.splice(0, DUE), AHEAD_MS)
  await pause(begin - EARLY_MS - performance.now())
  const before = await costOf(side)
  const asked = () => hosts.reduce((sum, host) => sum + host.asked_at.length, 0)
  while (asked() < DUE) await pause(100)
  await pause(AFTER_MS)
  return difference(await costOf(side), before)
}

async function costOf({ installation, vault_pid }: Side): Promise<Cost> {
  const { database, postgres } = installation
  const { rows } = await sql<{ wal_kb: number; pages: number }>`
    select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 / 1024 as wal_kb,
      (blks_hit + blks_read)::float8 as pages
    from pg_stat_database where datname = current_database()`.execute(database.db)
  const { wal_kb = 0, pages = 0 } = rows[0] ?? {}
  return { cpu_ms: timeOf(vault_pid) + timeWithChildren(postgres.pid), wal_kb, pages }
}

function difference(after: Cost, before: Cost): Cost {
  return {
    cpu_ms: after.cpu_ms - before.cpu_ms,
    wal_kb: after.wal_kb - before.wal_kb,
    pages: after.pages - before.pages,
  }
}

function rowsOf(size: number, large: readonly Cost[], small: readonly Cost[]): Row[] {
  const sides = `${size.toLocaleString('en')} connections | ${SMALL.toLocaleString('en')}`
  const row = (name: string, what: keyof Cost, show: (value: number) => string): Row => {
    const [ours, reference] = [large, small].map((costs) => costs.map((cost) => cost[what]))
    const ratio = medianRatio(ours ?? [], reference ?? [])
    return {
      what: `${name} for ${DUE.toLocaleString('en')} due refreshes, ${sides}`,
      ours: show(median(ours ?? [])),
      reference: show(median(reference ?? [])),
      ratio: times(ratio),
      goal: what === 'cpu_ms' ? `<= ${GOAL}x` : '',
      met: what === 'cpu_ms' ? ratio <= GOAL : null,
    }
  }
  return [
    row('CPU time of vault and database', 'cpu_ms', (value) => `${(value / 1000).toFixed(2)} s`),
    row('write-ahead log', 'wal_kb', (value) => `${(value / 1024).toFixed(1)} MB`),
    row('pages looked at', 'pages', (value) => Math.round(value).toLocaleString('en')),
  ]
}

if (import.meta.main) await alone(measureScheduler)
