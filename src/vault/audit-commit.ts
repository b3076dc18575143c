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

/**
 * The database says from its own rows who received what: a token that an authorization stands for,
 * or, without one, the runtime's own. It answers with one row: the positions of the grants that
 * hold, or null when all do.
 */
const COMMIT_QUERY = `
  with leaving as (
    select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::text[], $6::text[],
      $7::text[]) with ordinality
      as t(runtime_key_id, authorization_id, connection_id, version, subject, ip, action, position)
  ), holding as (
    select l.*, c.owner_id, r.id as runtime_id, r.name as runtime_name from leaving l
    join runtime_keys k on k.id = l.runtime_key_id and (k.expires_at is null or k.expires_at > now())
    join connections c on c.id = l.connection_id and c.version = l.version
      and c.status in ('valid', 'unverified') and (c.expires_at is null or c.expires_at > now())
      and coalesce(c.probe_outcome, 'proved') = 'proved'
    left join authorizations a on a.id = l.authorization_id and a.connection_id = l.connection_id
      and a.runtime_id = k.runtime_id and a.owner_id = c.owner_id
      and (a.expires_at is null or a.expires_at > now())
      and coalesce(a.probe_outcome, 'proved') = 'proved'
    join runtimes r on r.id = k.runtime_id
    where a.id is not null or (l.authorization_id is null and c.runtime_id = k.runtime_id)
  ), written as (
    insert into audit (actor_kind, actor_id, actor_name, action, outcome, subject, ip,
      owner_id, runtime_id, connection_id)
    select 'runtime', runtime_id::text, runtime_name, action, 'allowed', subject, ip,
      owner_id, runtime_id, connection_id
    from holding
  )
  select case when count(*) < cardinality($1)
    then coalesce(array_agg(position::int), '{}') end as positions from holding`

export function openAuditCommit(pool: pg.Pool): AuditCommit {
  let waiting: Waiting[] = []
  let committing = false

  async function commitAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MOST_AT_ONCE)
      waiting = waiting.slice(MOST_AT_ONCE)
      await commit(pool, batch)
    }
    committing = false
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

async function commit(pool: pg.Pool, batch: readonly Waiting[]): Promise<void> {
  try {
    const { rows } = await pool.query<{ positions: number[] | null }>({
      name: 'audit-commit',
      text: COMMIT_QUERY,
      values: columnsOf(batch.map(({ departure }) => departure)),
    })
    const positions = rows[0]?.positions ?? null
    const holding = new Set(positions)
    batch.forEach(({ resolve }, index) => {
      resolve(positions === null || holding.has(index + 1))
    })
  } catch (cause) {
    const error = new ProblemError(
      'database-unavailable',
      'No credential leaves while it cannot be written down. Try again in a moment.',
      { cause },
    )
    for (const { reject } of batch) reject(error)
  }
}

function columnsOf(departures: readonly Departure[]): unknown[] {
  const grants = departures.map(({ grant }) => grant)
  return [
    arrayOfIds(grants.map((grant) => grant.runtime_key_id)),
    arrayOfIds(grants.map((grant) => grant.authorization_id ?? 'null')),
    arrayOfIds(grants.map((grant) => grant.connection_id)),
    grants.map((grant) => grant.version),
    departures.map(({ grant, target }) => `${target} as ${grant.person_email ?? ITSELF}`),
    departures.map(({ ip }) => ip),
    departures.map(({ action }) => action),
  ]
}

/** An array as PostgreSQL reads it; ids need no quotes, which `pg` would look for. */
function arrayOfIds(ids: readonly string[]): string {
  return `{${ids.join(',')}}`
}
