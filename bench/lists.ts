// Pages of lists in a large installation against the same in a small one.
import { sql } from 'kysely'
import { type Countersign, startCountersign } from '../test/harness/countersign.ts'
import { testDatabase } from '../test/harness/postgres.ts'
import { median, medianRatio, ms, times } from './figures.ts'
import { getBytes, type Load, openLoad } from './load.ts'
import { alone, type Row, type Scale } from './row.ts'

const SMALL = { runtimes: 10, people: 10 }
const LARGE = { runtimes: 1000, people: 100_000 }
const OWN_AUTHORIZATIONS = 5
/** A small installation has no more rows than this, and pages of one size are compared. */
const LIMIT = 10

const LISTS = [
  { name: 'access', path: '/api/v1/access', goal: 1.3 },
  { name: 'runtimes', path: '/api/v1/runtimes', goal: null },
  { name: 'people', path: '/api/v1/people', goal: null },
] as const

/** Two servers of the same code in this process, each on a database of its own, asked in turns. */
export async function measureLists({ quick }: Scale): Promise<Row[]> {
  const round_ms = quick ? 100 : 200
  const rounds = quick ? 10 : 20
  await using smallDatabase = await testDatabase()
  await using largeDatabase = await testDatabase()
  await using small = await startCountersign({ database_url: smallDatabase.url })
  await using large = await startCountersign({ database_url: largeDatabase.url })
  await fill(small, SMALL)
  await fill(large, LARGE)
  const rows: Row[] = []
  for (const list of LISTS) {
    using ours = await loadOn(large, list.path)
    using reference = await loadOn(small, list.path)
    const [ours_ms, reference_ms] = await measureInTurns([ours, reference], rounds, round_ms)
    const ratio = medianRatio(ours_ms, reference_ms)
    rows.push({
      what: `list of ${list.name}, 1,000 runtimes and 100,000 people | 10 of each`,
      ours: ms(median(ours_ms)),
      reference: ms(median(reference_ms)),
      ratio: times(ratio),
      goal: list.goal === null ? '' : `<= ${list.goal}x`,
      met: list.goal === null ? null : ratio <= list.goal,
    })
  }
  return rows
}

async function measureInTurns(
  [ours, reference]: readonly [Load, Load],
  rounds: number,
  round_ms: number,
): Promise<[number[], number[]]> {
  await ours.run(3 * round_ms)
  await reference.run(3 * round_ms)
  const ours_ms: number[] = []
  const reference_ms: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    ours_ms.push(median((await ours.run(round_ms)).latencies_ms))
    reference_ms.push(median((await reference.run(round_ms)).latencies_ms))
  }
  return [ours_ms, reference_ms]
}

/** One connection, as one page has. */
async function loadOn({ page_url, admin }: Countersign, path: string): Promise<Load> {
  const request = getBytes(page_url, `${path}?limit=${LIMIT}`, { cookie: admin.cookie })
  return await openLoad(page_url, [request])
}

/**
 * The administrator authorizes five runtimes; what else there is comes by SQL: everybody has one
 * token, made like the administrator's, and one authorization.
 */
async function fill(countersign: Countersign, size: typeof SMALL): Promise<void> {
  const { admin, provider, forge, database } = countersign
  let connection_id: string | undefined
  for (let index = 0; index < OWN_AUTHORIZATIONS; index += 1) {
    const { runtime } = await countersign.runtime()
    const row = { runtime_id: runtime.id, provider_id: provider.id }
    if (connection_id === undefined) {
      await admin.addToken(row, await forge.token())
      connection_id = (await admin.access(runtime.id)).authorization?.connection.id ?? ''
    } else {
      await admin.api.createAuthorization({ body: { ...row, connection_id } })
    }
  }
  // All but those that the database works out by itself.
  const { rows } = await sql<{ columns: string; ones: string }>`
    select string_agg(column_name, ', ') as columns, string_agg('one.' || column_name, ', ') as ones
    from information_schema.columns
    where table_name = 'connections' and is_generated = 'NEVER'`.execute(database.db)
  const [columns, ones] = [sql.raw(rows[0]?.columns ?? ''), sql.raw(rows[0]?.ones ?? '')]
  const runtimes = size.runtimes - OWN_AUTHORIZATIONS
  const people = size.people - 1
  const statements = [
    sql`insert into runtimes (name, description)
      select 'workspace-' || lpad(n::text, 6, '0'), 'Workspace ' || n
      from generate_series(1, ${runtimes}::int) n`,
    sql`insert into runtime_providers (runtime_id, provider_id)
      select id, ${provider.id}::uuid from runtimes on conflict do nothing`,
    sql`insert into runtime_keys (runtime_id, hash, hint)
      select id, sha256(name::bytea), 'abcd' from runtimes where name like 'workspace-%'`,
    sql`insert into people (name, email, role)
      select 'Person ' || lpad(n::text, 6, '0'), 'p' || n || '@example.com', 'member'
      from generate_series(1, ${people}::int) n`,
    sql`insert into connections (${columns})
      select ${ones} from people person, connections own, jsonb_populate_record(
        own, jsonb_build_object('id', gen_random_uuid(), 'owner_id', person.id)) one
      where own.id = ${connection_id}::uuid and person.id <> ${admin.person.id}::uuid`,
    sql`insert into authorizations (owner_id, runtime_id, provider_id, connection_id)
      select c.owner_id, r.id, c.provider_id, c.id
      from (select *, row_number() over (order by id) as n from connections) c
      join (select id, row_number() over (order by name) as n from runtimes) r
        on r.n = c.n % ${size.runtimes}::int + 1
      where c.owner_id <> ${admin.person.id}::uuid`,
    sql`vacuum analyze`,
  ]
  for (const statement of statements) await statement.execute(database.db)
}

if (import.meta.main) await alone(measureLists)
