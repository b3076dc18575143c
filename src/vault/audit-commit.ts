import type pg from 'pg'
import { ProblemError } from '../contract/index.ts'
import { type Grant, ITSELF } from './grant.ts'

/** A credential that is about to leave, to a runtime or to its Git host, for the audit trail. */
export interface Departure {
  grant: Grant
  action: 'credential.issue' | 'repository.access'
  /** `protocol://host/path` that Git asked about. */
  target: string
  ip: string | null
}

/**
 * Writes the audit row of a credential before the credential may leave, many at once: while one
 * statement is being committed, the next ones gather. The statement also proves that every grant
 * still holds, so what was read earlier can be used without ever being out of date.
 */
export interface AuditCommit {
  /**
   * Resolves when the row is durable: true, or false when the grant no longer holds (then there is
   * no row).
   *
   * @throws ProblemError `database-unavailable`: nothing may leave
   */
  record(departure: Departure): Promise<boolean>
}

interface Waiting {
  departure: Departure
  resolve: (holds: boolean) => void
  reject: (error: unknown) => void
}

const MOST_AT_ONCE = 256

const DEPARTURE_COLUMNS = `runtime_key_id, authorization_id, connection_id, version, runtime_name, subject, ip,
  action`
const AUDIT_COLUMNS = `actor_kind, actor_id, actor_name, action, outcome, subject, ip, owner_id, runtime_id,
  connection_id`

/**
 * Of the departures, those whose grants still hold, as audit rows. The database says from its own
 * rows who received what: a token that an authorization stands for, or, without one, the runtime's
 * own. A runtime's name never changes.
 */
function holding(departures: string): string {
  return `
    select 'runtime' as actor_kind, k.runtime_id::text as actor_id, d.runtime_name as actor_name,
      d.action, 'allowed' as outcome, d.subject, d.ip, c.owner_id, k.runtime_id, d.connection_id
    from ${departures} as d(${DEPARTURE_COLUMNS})
    join runtime_keys k on k.id = d.runtime_key_id and (k.expires_at is null or k.expires_at > now())
    join connections c on c.id = d.connection_id and c.version = d.version
      and c.status in ('valid', 'unverified') and (c.expires_at is null or c.expires_at > now())
      and (c.access_expires_at is null or c.access_expires_at > now())
      and (c.method = 'token' or c.client_row_id is not null)
      and coalesce(c.probe_outcome, 'proved') = 'proved'
    left join authorizations a on a.id = d.authorization_id and a.connection_id = d.connection_id
      and a.runtime_id = k.runtime_id and a.owner_id = c.owner_id
      and (a.expires_at is null or a.expires_at > now())
      and coalesce(a.probe_outcome, 'proved') = 'proved'
    where a.id is not null or (d.authorization_id is null and c.runtime_id = k.runtime_id)`
}

/** The usual one where few ask at a time; without lists, the database has less to do before it. */
const COMMIT_ONE = `insert into audit (${AUDIT_COLUMNS}) ${holding(
  '(values ($1::uuid, $2::uuid, $3::uuid, $4::int, $5::text, $6::text, $7::text, $8::text))',
)}`

/** All or nothing: writes as many rows as there are departures, or none when a grant does not hold. */
const COMMIT_MANY = `
  insert into audit (${AUDIT_COLUMNS})
  select ${AUDIT_COLUMNS} from (
    select held.*, count(*) over () as holding from (${holding(
      'unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[])',
    )}) as held
  ) as leaving
  where holding = cardinality($1)`

export function openAuditCommit(pool: pg.Pool): AuditCommit {
  let waiting: Waiting[] = []
  let committing = false
  /** Held while there is anything to write: a statement on it is sent at once. */
  let client: pg.PoolClient | undefined

  async function commitAll(): Promise<void> {
    let answer = () => {}
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MOST_AT_ONCE)
      waiting = waiting.slice(MOST_AT_ONCE)
      const committed = commit(batch)
      // Now that the database has something to do, those of the statement before are answered.
      answer()
      answer = await committed
    }
    client?.release()
    client = undefined
    committing = false
    answer()
  }

  /** @returns what answers those of the batch */
  async function commit(batch: readonly Waiting[]): Promise<() => void> {
    try {
      client ??= await pool.connect()
      const holding = await write(client, batch)
      return () => {
        for (const [index, { resolve }] of batch.entries()) resolve(holding[index] === true)
      }
    } catch (cause) {
      client?.release(true)
      client = undefined
      const error = new ProblemError(
        'database-unavailable',
        'No credential leaves while it cannot be written down. Try again in a moment.',
        { cause },
      )
      return () => {
        for (const { reject } of batch) reject(error)
      }
    }
  }

  return {
    record: (departure) =>
      new Promise((resolve, reject) => {
        waiting.push({ departure, resolve, reject })
        if (committing) return
        committing = true
        // Requests that arrived together are all read before this runs, and share one statement.
        setImmediate(() => void commitAll())
      }),
  }
}

/**
 * Where a grant no longer holds, each half is tried by itself, down to that one.
 *
 * @returns which of the grants hold; only these have a row
 */
async function write(client: pg.PoolClient, batch: readonly Waiting[]): Promise<boolean[]> {
  const rows = batch.map(({ departure }) => rowOf(departure))
  const { rowCount } = await client.query(statementFor(rows))
  if (rowCount === batch.length) return batch.map(() => true)
  if (batch.length === 1) return [false]
  const half = batch.length >> 1
  const first = await write(client, batch.slice(0, half))
  return [...first, ...(await write(client, batch.slice(half)))]
}

type AuditRow = ReturnType<typeof rowOf>

/** In the order of `DEPARTURE_COLUMNS`. */
function rowOf({ grant, target, ip, action }: Departure) {
  return [
    grant.runtime_key_id,
    grant.authorization_id,
    grant.connection_id,
    grant.version,
    grant.runtime_name,
    `${target} as ${grant.person_email ?? ITSELF}`,
    ip,
    action,
  ] as const
}

function statementFor(rows: readonly AuditRow[]): pg.QueryConfig<unknown[]> {
  const [first] = rows
  return first && rows.length === 1
    ? { name: 'audit-commit-one', text: COMMIT_ONE, values: [...first] }
    : { name: 'audit-commit-many', text: COMMIT_MANY, values: columnsOf(rows) }
}

function columnsOf(rows: readonly AuditRow[]): unknown[] {
  return [
    arrayOfIds(rows.map(([runtime_key_id]) => runtime_key_id)),
    arrayOfIds(rows.map(([, authorization_id]) => authorization_id ?? 'null')),
    arrayOfIds(rows.map(([, , connection_id]) => connection_id)),
    ...([3, 4, 5, 6, 7] as const).map((column) => rows.map((row) => row[column])),
  ]
}

/** An array as PostgreSQL reads it; ids need no quotes, which `pg` would look for. */
function arrayOfIds(ids: readonly string[]): string {
  return `{${ids.join(',')}}`
}
