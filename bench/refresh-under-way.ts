// `POST /api/v1/credential` while the same tokens are being refreshed in the background.
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { median, medianRatio, ms, times } from './figures.ts'
import {
  type Granted,
  type GrantInstallation,
  grantTo,
  startGrantInstallation,
  wakeSchedulers,
} from './grants.ts'
import { openLoad, postBytes } from './load.ts'
import { alone, type Row, type Scale } from './row.ts'
import { startTokenServer, type TokenServer } from './token-server.ts'

const CONNECTIONS = 4
const ROUND_MS = 250
const GOAL = 1.1

/** The host withholds its answers for as long as a round lasts, so every token is under way. */
export async function measureRefreshUnderWay({ quick }: Scale): Promise<Row[]> {
  const rounds = quick ? 6 : 20
  await using host = await startTokenServer()
  await using installation = await startGrantInstallation([host.url])
  const [where] = installation.hosts
  if (where === undefined) throw new Error('no host')
  const granted = await grantTo(installation, where, {
    many: CONNECTIONS,
    lifetime: 3600,
    issued_at: () => new Date(),
  })
  const { url } = await installation.vault()
  using load = await openLoad(
    url,
    granted.map(({ email }) => credentialRequest(url, installation, host, email)),
  )
  await load.run(8 * ROUND_MS)
  const ours: number[] = []
  const reference: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    reference.push(median((await load.run(ROUND_MS)).latencies_ms))
    await beginRefreshes(installation, host)
    ours.push(median((await load.run(ROUND_MS)).latencies_ms))
    host.release()
    await refreshed(installation, granted, round + 2)
    // What changed is read anew before the next round.
    await load.run(ROUND_MS / 2)
  }
  const ratio = medianRatio(ours, reference)
  return [
    {
      what: 'credential while it is refreshed in the background | while it is not',
      ours: ms(median(ours)),
      reference: ms(median(reference)),
      ratio: times(ratio),
      goal: `<= ${GOAL}x`,
      met: ratio <= GOAL,
    },
  ]
}

/** The bytes with which the runtime asks for somebody's credential. */
export function credentialRequest(
  vault_url: string,
  { runtime }: GrantInstallation,
  host: TokenServer,
  person: string,
): Buffer {
  const headers = { authorization: `Bearer ${runtime.key}` }
  const body = { person, protocol: 'http', host: new URL(host.url).host, min_ttl: 300 }
  return postBytes(vault_url, '/api/v1/credential', headers, body)
}

/** Resolves when the host has been asked to refresh everything, and has not answered. */
async function beginRefreshes(installation: GrantInstallation, host: TokenServer): Promise<void> {
  host.forget()
  host.hold()
  await sql`update connections set refresh_due_at = now()`.execute(installation.database.db)
  await wakeSchedulers(installation)
  while (host.asked_at.length < CONNECTIONS) await pause(5)
}

async function refreshed(
  { database }: GrantInstallation,
  granted: readonly Granted[],
  version: number,
): Promise<void> {
  for (;;) {
    const { rows } = await sql`select from connections where version >= ${version}`.execute(
      database.db,
    )
    if (rows.length === granted.length) return
    await pause(5)
  }
}

if (import.meta.main) await alone(measureRefreshUnderWay)
