import { sql } from 'kysely'
import type { Access, AuthMode, Authorization } from '../contract/index.ts'
import { type Db, inSnapshot, type Trx } from '../store/database.ts'
import {
  atMost,
  containsPattern,
  decodeCursor,
  type NeedRequest,
  type Page,
  toPage,
} from '../store/page.ts'
import { type ConnectionRow, connectionRows, noticeOf, toConnection } from './connection-rows.ts'
import { servesPeople } from './serving-client.ts'

/** What sorts the list: what needs the person, what works, what is not authorized. */
const NEEDS_CARE = 0
const WORKS = 1
const NOT_AUTHORIZED = 2

/** What a row of the list has of an authorization, and its place. */
interface Authorized {
  rank: number
  authorization_id: string | null
  authorized_at: Date | null
  connection_id: string | null
  authorization_expires_at: Date | null
  hidden_notice_id: string | null
}

/** A runtime and a provider that it uses. */
export interface RowFacts {
  runtime_id: string
  runtime_name: string
  runtime_description: string
  provider_id: string
  provider_kind: Access['provider']['kind']
  provider_name: string
  provider_base_url: string
  auth_mode: AuthMode
  client_registered: boolean
  token_allowed: boolean
  warning_days: number
}

type RowKey = RowFacts & Authorized

/**
 * One page of everything `owner_id` can authorize. The person's own authorizations come first and
 * are few; what they have not authorized is read by name from an index, so the cost of a page does
 * not grow with the number of runtimes or people.
 */
export async function listAccess(
  db: Db,
  owner_id: string,
  request: NeedRequest,
): Promise<Page<Access>> {
  const { in_need = false } = request
  const after = decodeCursor(request.cursor, ['number', 'text', 'text'])
  const pattern = containsPattern(request.q)
  const wanted = request.limit + 1
  const items = await inSnapshot(db, async (trx) => {
    const rows =
      after !== undefined && Number(after[0]) === NOT_AUTHORIZED
        ? []
        : await authorizedRows(trx, owner_id, { after, pattern, in_need }, wanted)
    if (rows.length < wanted && !in_need) {
      const from = rows.length > 0 || Number(after?.[0]) !== NOT_AUTHORIZED ? undefined : after
      rows.push(...(await openRows(trx, owner_id, from, pattern, wanted - rows.length)))
    }
    return await withConnections(trx, owner_id, rows)
  })
  return toPage(
    items,
    request.limit,
    (item) => item.access,
    ({ key }) => [key.rank, key.runtime_name, key.provider_name],
  )
}

/** The row for one runtime and provider; undefined when the runtime does not use the provider. */
export async function findAccess(
  db: Db | Trx,
  owner_id: string,
  row: { runtime_id: string; provider_id: string },
): Promise<Access | undefined> {
  const { rows } = await sql<RowKey>`
    select ${NOT_AUTHORIZED}::int as rank, ${columnsForPeople},
      ${authorizationColumns}
    from runtime_providers rp
    join runtimes r on r.id = rp.runtime_id
    join providers p on p.id = rp.provider_id
    left join authorizations a
      on a.owner_id = ${owner_id} and a.runtime_id = r.id and a.provider_id = p.id
    where rp.runtime_id = ${row.runtime_id} and rp.provider_id = ${row.provider_id}`.execute(db)
  return (await withConnections(db, owner_id, rows))[0]?.access
}

/** The columns of `RowFacts`, for people or for the runtime itself. */
export function rowColumns(serves: typeof servesPeople) {
  return sql`r.id as runtime_id, r.name as runtime_name,
  r.description as runtime_description, p.id as provider_id, p.kind as provider_kind,
  p.name as provider_name, p.base_url as provider_base_url, rp.auth_mode, rp.token_allowed,
  rp.warning_days, exists (
    select from clients k where ${serves('k', 'rp')}) as client_registered`
}

const columnsForPeople = rowColumns(servesPeople)

const authorizationColumns = sql`a.id as authorization_id, a.created_at as authorized_at,
  a.connection_id, a.expires_at as authorization_expires_at, a.hidden_notice_id`

async function authorizedRows(
  trx: Trx,
  owner_id: string,
  only: { after: string[] | undefined; pattern: string | null; in_need: boolean },
  limit: number,
): Promise<RowKey[]> {
  const { after, pattern, in_need } = only
  const { rows } = await sql<RowKey>`
    select * from (
      select case
          when c.status in ('rejected', 'insufficient_scopes', 'reauthorization_required')
            or a.probe_outcome not in ('proved', 'not_tried')
            or least(c.expires_at, a.expires_at) < now() + make_interval(days => rp.warning_days)
            then ${NEEDS_CARE}::int
          else ${WORKS}::int
        end as rank,
        r.natural_order, ${columnsForPeople}, ${authorizationColumns}
      from authorizations a
      join connections c on c.id = a.connection_id
      join runtime_providers rp
        on rp.runtime_id = a.runtime_id and rp.provider_id = a.provider_id
      join runtimes r on r.id = a.runtime_id
      join providers p on p.id = a.provider_id
      where a.owner_id = ${owner_id}
    ) as mine
    where ${matches(pattern)}
      and ${in_need ? sql`rank = ${NEEDS_CARE}` : sql`true`}
      and ${
        after === undefined
          ? sql`true`
          : sql`(rank, natural_order, runtime_name, provider_name)
              > (${after[0]}::bigint, natural_order(${after[1]}), ${after[1]}, ${after[2]})`
      }
    order by rank, natural_order, runtime_name, provider_name
    limit ${atMost(limit)}`.execute(trx)
  return rows
}

async function openRows(
  trx: Trx,
  owner_id: string,
  after: string[] | undefined,
  pattern: string | null,
  limit: number,
): Promise<RowKey[]> {
  const { rows } = await sql<RowKey>`
    select * from (
      select ${NOT_AUTHORIZED}::int as rank, r.natural_order, ${columnsForPeople},
        null::uuid as authorization_id, null::timestamptz as authorized_at,
        null::uuid as connection_id, null::timestamptz as authorization_expires_at,
        null::uuid as hidden_notice_id
      from runtimes r
      join runtime_providers rp on rp.runtime_id = r.id
      join providers p on p.id = rp.provider_id
      where not exists (
        select from authorizations a
        where a.owner_id = ${owner_id} and a.runtime_id = r.id and a.provider_id = p.id)
    ) as open
    where ${matches(pattern)}
      and ${
        after === undefined
          ? sql`true`
          : sql`(natural_order, runtime_name) >= (natural_order(${after[1]}), ${after[1]})
              and (natural_order, runtime_name, provider_name)
                > (natural_order(${after[1]}), ${after[1]}, ${after[2]})`
      }
    order by natural_order, runtime_name, provider_name
    limit ${atMost(limit)}`.execute(trx)
  return rows
}

function matches(pattern: string | null) {
  if (pattern === null) return sql`true`
  return sql`(runtime_name ilike ${pattern} or runtime_description ilike ${pattern}
    or provider_name ilike ${pattern} or provider_base_url ilike ${pattern})`
}

async function withConnections(
  db: Db | Trx,
  owner_id: string,
  keys: readonly RowKey[],
): Promise<{ key: RowKey; access: Access }[]> {
  const ids = keys.flatMap((key) => key.connection_id ?? [])
  const found =
    ids.length === 0
      ? []
      : await connectionRows(db)
          .where('connections.owner_id', '=', owner_id)
          // One text, and so one plan, for any number of them.
          .where(sql<boolean>`connections.id = any(${ids}::uuid[])`)
          .execute()
  const connections = new Map(found.map((row) => [row.id, row]))
  return keys.map((key) => {
    const row = key.connection_id === null ? undefined : connections.get(key.connection_id)
    return { key, access: toAccess(key, row) }
  })
}

/** What a row says of its runtime and provider, whosever tokens it is about. */
export function toRow(key: RowFacts) {
  return {
    runtime: {
      id: key.runtime_id,
      name: key.runtime_name,
      description: key.runtime_description,
    },
    provider: {
      id: key.provider_id,
      kind: key.provider_kind,
      name: key.provider_name,
      base_url: key.provider_base_url,
    },
  }
}

function toAccess(key: RowKey, row: ConnectionRow | undefined): Access {
  return {
    ...toRow(key),
    oauth: offerOf(key),
    token_allowed: key.auth_mode === 'token' || key.token_allowed,
    authorization: row === undefined ? null : toAuthorization(key, row),
  }
}

function toAuthorization(key: RowKey, row: ConnectionRow): Authorization | null {
  const { authorization_id, authorized_at, authorization_expires_at, hidden_notice_id } = key
  if (authorization_id === null || authorized_at === null) return null
  const notice = noticeOf(row, { ...key, authorization_id })
  return {
    id: authorization_id,
    created_at: authorized_at.toISOString(),
    expires_at: authorization_expires_at?.toISOString() ?? null,
    connection: toConnection(row, key),
    notice: notice === undefined ? null : { ...notice, hidden: notice.id === hidden_notice_id },
  }
}

function offerOf(key: Pick<RowKey, 'auth_mode' | 'client_registered'>): Access['oauth'] {
  if (key.auth_mode === 'token') return 'not_offered'
  return key.client_registered ? 'ready' : 'client_not_registered'
}
