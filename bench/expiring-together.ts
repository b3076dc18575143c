// Many tokens that end within a minute, at a host that allows 50 calls a second.
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { percentile } from './figures.ts'
import { type GrantInstallation, grantTo, startGrantInstallation } from './grants.ts'
import { alone, type Row, type Scale } from './row.ts'
import { startTokenServer, type TokenServer } from './token-server.ts'

const A_SECOND = 50
/** With `--full`: 10,000 tokens that end within a minute, which takes a quarter of an hour. */
const FULL = { tokens: 10_000, within_s: 60, lifetime: 1200 }
/** Everything a tenth, so that as many are due in each second. */
const TENTH = { tokens: 1000, within_s: 6, lifetime: 120 }

type Size = typeof FULL

/**
 * Two vault processes, twice: as the tokens come due by themselves, and when all are due at once
 * because no vault was there to refresh them.
 */
export async function measureExpiringTogether({ full }: Scale): Promise<Row[]> {
  const size = full ? FULL : TENTH
  return [
    await measure(size, 'as they come due', 0.5),
    await measure(size, 'all due at once after an outage of ours', 0.25),
  ]
}

/** @param left how much of their lifetime the tokens have left when the vaults start */
async function measure(size: Size, which: string, left: number): Promise<Row> {
  await using host = await startTokenServer({ a_second: A_SECOND })
  await using installation = await startGrantInstallation([host.url])
  const [where] = installation.hosts
  if (where === undefined) throw new Error('no host')
  // Making them takes a while, so they are granted in the time of the vaults' start.
  const granted = await grantTo(installation, where, {
    many: size.tokens,
    lifetime: size.lifetime,
    issued_at: (index) => new Date((index / size.tokens) * size.within_s * 1000),
  })
  await shiftTo(installation, Date.now() + START_MS - size.lifetime * 1000 * (1 - left))
  await Promise.all([installation.vault(), installation.vault()])
  const spare = await spareSeconds(installation, granted.length)
  const late = granted.length - spare.filter((seconds) => seconds > 0).length
  const most = mostInASecond(host)
  const calls = host.asked_at.length
  return {
    what: `${size.tokens.toLocaleString('en')} tokens that end within ${size.within_s} s, ${which}`,
    ours:
      `${calls} calls, at most ${most} in a second, ${late} late, ${host.used_twice} twice, ` +
      `${Math.min(...spare).toFixed(1)} s to spare (median ${percentile(spare, 50).toFixed(0)})`,
    reference: '',
    ratio: '',
    goal: `each once, none late, <= ${A_SECOND}/s`,
    met: calls === granted.length && late + host.used_twice + host.over_limit === 0,
  }
}

/** About how long two vaults take to start. */
const START_MS = 2000

/** Moves all times from those since the epoch to those since `start`. */
async function shiftTo({ database: { db } }: GrantInstallation, start: number): Promise<void> {
  const by = sql`make_interval(secs => ${start / 1000})`
  await sql`create table ends as select id, access_expires_at + ${by} as at
    from connections`.execute(db)
  await sql`update connections set access_issued_at = access_issued_at + ${by},
    access_expires_at = access_expires_at + ${by}, refresh_due_at = refresh_due_at + ${by}`.execute(
    db,
  )
  await sql`vacuum analyze connections`.execute(db)
}

/** How many seconds before its end each token was refreshed, once all are, or all have ended. */
async function spareSeconds({ database }: GrantInstallation, many: number): Promise<number[]> {
  const { db } = database
  for (;;) {
    // Little is read meanwhile: this process also is the host that notes when it is asked.
    const { rows } = await sql<{ done: number; over: boolean }>`
      select (select count(*) from connections where version > 1)::int as done,
        (select max(at) < now() from ends) as over`.execute(db)
    if (rows[0]?.done === many || rows[0]?.over === true) break
    await pause(1000)
  }
  const { rows } = await sql<{ spare: number }>`
    select extract(epoch from ends.at - connections.access_issued_at)::float8 as spare
    from connections join ends using (id) where version > 1`.execute(db)
  return rows.map(({ spare }) => spare)
}

/** Calls that the host got in the busiest second, wherever it begins. */
function mostInASecond({ asked_at }: TokenServer): number {
  let from = 0
  let most = 0
  asked_at.forEach((time, index) => {
    while ((asked_at[from] ?? time) <= time - 1000) from += 1
    most = Math.max(most, index - from + 1)
  })
  return most
}

if (import.meta.main) await alone(measureExpiringTogether)
