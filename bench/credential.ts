// `POST /api/v1/credential` against a server that does nothing but answer.
import { join } from 'node:path'
import process from 'node:process'
import { asBatch } from './as-batch.ts'
import { median, medianRatio, percentile, perSecond, times } from './figures.ts'
import { type Grant, startInstallation } from './installation.ts'
import { type Load, type LoadFigures, openLoad, postBytes } from './load.ts'
import { startProgram } from './programs.ts'
import { alone, type Row, type Scale } from './row.ts'

const CONNECTIONS = 32
/** Short, so that what else the machine does meets both servers alike. */
const ROUND_MS = 250
const PATH = '/api/v1/credential'
const BARE_SERVER = join(import.meta.dirname, 'bare-server.ts')

/** Both servers run all the time; the load goes to them in turns. */
export async function measureCredential({ quick }: Scale): Promise<Row[]> {
  const rounds = quick ? 8 : 30
  await using installation = await startInstallation({ people: CONNECTIONS / 4, runtimes: 4 })
  const { vault_url, grants } = installation
  await using bare = await startProgram(
    [process.execPath, BARE_SERVER, await answerOf(vault_url, grants)],
    {},
    /^http:\S+/,
  )
  using vaultLoad = await loadOn(vault_url, grants)
  using bareLoad = await loadOn(bare.found[0], grants)
  using batch = asBatch()
  await vaultLoad.run(12 * ROUND_MS)
  await bareLoad.run(4 * ROUND_MS)

  const ours: LoadFigures[] = []
  const reference: LoadFigures[] = []
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await vaultLoad.run(ROUND_MS))
    reference.push(await bareLoad.run(ROUND_MS))
  }
  const rates = [ours, reference].map((all) => all.map(({ per_second }) => per_second))
  const ordinary = batch.is_batch ? '' : ', from a load that pushes aside'
  const ratio = medianRatio(rates[0] ?? [], rates[1] ?? [])
  return [
    {
      what: `credentials, audited, ${CONNECTIONS} connections${ordinary} | bare node:http`,
      ours: figuresOf(ours),
      reference: figuresOf(reference),
      ratio: times(ratio),
      goal: '>= 0.3x',
      met: ratio >= 0.3,
    },
  ]
}

/** The vault's own answer: each header and byte of it. */
async function answerOf(vault_url: string, grants: readonly Grant[]): Promise<string> {
  const { runtime_key, ...grant } = grants[0] as Grant
  const response = await fetch(vault_url + PATH, {
    method: 'POST',
    headers: { authorization: `Bearer ${runtime_key}`, 'content-type': 'application/json' },
    body: JSON.stringify(requestFor(grant)),
  })
  const { date, connection, 'keep-alive': _, ...headers } = Object.fromEntries(response.headers)
  return JSON.stringify({ headers, body: await response.text() })
}

async function loadOn(url: string, grants: readonly Grant[]): Promise<Load> {
  const requests = grants.map((grant) =>
    postBytes(url, PATH, { authorization: `Bearer ${grant.runtime_key}` }, requestFor(grant)),
  )
  return await openLoad(url, requests)
}

function requestFor({ person, base_url }: Pick<Grant, 'person' | 'base_url'>) {
  const { protocol, host } = new URL(base_url)
  return { person, protocol: protocol.slice(0, -1), host, path: 'team/app.git', min_ttl: 300 }
}

function figuresOf(all: readonly LoadFigures[]): string {
  const rate = median(all.map(({ per_second }) => per_second))
  const latencies = all.flatMap(({ latencies_ms }) => latencies_ms)
  const [p50, p99] = [50, 99].map((percent) => percentile(latencies, percent).toFixed(1))
  return `${perSecond(rate)}, p50 ${p50} p99 ${p99} ms`
}

if (import.meta.main) await alone(measureCredential)
