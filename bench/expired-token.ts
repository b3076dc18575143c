// 200 requests at once for one expired token, at two vault processes.
import { sql } from 'kysely'
import { median, medianRatio, ms, times } from './figures.ts'
import { grantTo, startGrantInstallation } from './grants.ts'
import { type Load, openLoad } from './load.ts'
import { credentialRequest } from './refresh-under-way.ts'
import { alone, type Row, type Scale } from './row.ts'
import { startTokenServer } from './token-server.ts'

const REQUESTS = 200

/** Each round ends the access token, and counts at the host what all who then ask cause. */
export async function measureExpiredToken({ quick }: Scale): Promise<Row[]> {
  const rounds = quick ? 5 : 20
  await using host = await startTokenServer()
  await using installation = await startGrantInstallation([host.url])
  const [where] = installation.hosts
  if (where === undefined) throw new Error('no host')
  const [somebody] = await grantTo(installation, where, {
    many: 1,
    lifetime: 3600,
    issued_at: () => new Date(),
  })
  await using loads = new AsyncDisposableStack()
  const halves: Load[] = []
  for (let index = 0; index < 2; index += 1) {
    const { url } = await installation.vault()
    const request = credentialRequest(url, installation, host, somebody?.email ?? '')
    const requests = Array.from({ length: REQUESTS / 2 }, () => request)
    halves.push(loads.use(await openLoad(url, requests)))
  }
  /** Milliseconds until everybody has an answer. Any other than a credential throws. */
  async function askAll(): Promise<number> {
    const answers = (await Promise.all(halves.map((half) => half.run(0)))).flatMap(
      ({ latencies_ms }) => latencies_ms,
    )
    if (answers.length !== REQUESTS) throw new Error(`${answers.length} answers`)
    return Math.max(...answers)
  }

  for (let warming = 0; warming < 5; warming += 1) await askAll()
  const expired: number[] = []
  const living: number[] = []
  const calls: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    living.push(await askAll())
    host.forget()
    await sql`update connections set version = version + 1, refresh_due_at = null,
      access_expires_at = now()`.execute(installation.database.db)
    expired.push(await askAll())
    calls.push(host.asked_at.length)
  }
  const most = Math.max(...calls)
  return [
    {
      what: `${REQUESTS} requests on an expired token, two vaults, the last answer | a living token`,
      ours: `${ms(median(expired))}, ${REQUESTS} answered, ${most} call${most === 1 ? '' : 's'}`,
      reference: ms(median(living)),
      ratio: times(medianRatio(expired, living)),
      goal: '1 call',
      met: calls.every((count) => count === 1),
    },
  ]
}

if (import.meta.main) await alone(measureExpiredToken)
