import { type Selectable, sql } from 'kysely'
import type { NoticeKind } from '../contract/index.ts'
import type { Db, Trx } from '../store/database.ts'
import type { ConnectionsTable, NoticesTable } from '../store/tables.ts'
import { type AuthorizationProbe, notProbed } from './probe.ts'
import { standingAt, warningBegins } from './status.ts'

/** Something to tell an owner. Two of them are the same event when all of this is the same. */
export type Event = Pick<NoticesTable, 'authorization_id' | 'kind' | 'event'>

/** The facts of a connection at `now`, the time of the database. */
interface Facts {
  now: Date
  connection: Pick<
    Selectable<ConnectionsTable>,
    | 'status'
    | 'version'
    | 'expires_at'
    | 'missing_scopes'
    | 'notice_due_at'
    | 'probed_repository'
    | 'probe_outcome'
  >
  /** Of a runtime's own token, one without an id: there is no authorization, only the warning. */
  authorizations: Limits[]
  open: (Event & { id: string })[]
}

type Limits = {
  id: string | null
  expires_at: Date | null
  warning_days: number
} & AuthorizationProbe

/** What has to be written for the notices of a connection to say what is so. */
export interface NoticePlan {
  begun: Event[]
  /** Ids of notices. */
  over: string[]
  /** When time changes it next. */
  due_at: Date | null
}

/**
 * Brings the notices of a connection in line with what is known about it, in the transaction that
 * changed that: what is new gets a row, once, and what is over is ended.
 */
export async function settleNotices(trx: Trx, connection_id: string): Promise<void> {
  const facts = await readFacts(trx, connection_id, true)
  if (facts === undefined) return
  const { begun, over, due_at } = plan(facts)
  if (over.length > 0) {
    const ended_at = facts.now
    await trx.updateTable('notices').set({ ended_at }).where('id', 'in', over).execute()
  }
  if (begun.length > 0) {
    await trx
      .insertInto('notices')
      .values(begun.map((event) => ({ connection_id, ...event })))
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
  if (due_at?.getTime() !== facts.connection.notice_due_at?.getTime()) {
    await trx
      .updateTable('connections')
      .set({ notice_due_at: due_at })
      .where('id', '=', connection_id)
      .execute()
  }
}

/** What `settleNotices` would write now; undefined when the connection is gone. */
export async function planNotices(db: Db, connection_id: string): Promise<NoticePlan | undefined> {
  const facts = await readFacts(db, connection_id, false)
  return facts && plan(facts)
}

/** @param lock whoever settles the same connection waits until this transaction ends */
async function readFacts(db: Db | Trx, id: string, lock: boolean): Promise<Facts | undefined> {
  const connection = await db
    .selectFrom('connections')
    .select(['status', 'version', 'expires_at', 'missing_scopes', 'notice_due_at'])
    .select(['probed_repository', 'probe_outcome'])
    .select(sql<Date>`now()`.as('now'))
    .select(
      sql<number | null>`(select warning_days from runtime_providers rp
        where rp.runtime_id = connections.runtime_id
          and rp.provider_id = connections.provider_id)`.as('own_warning_days'),
    )
    .where('id', '=', id)
    .$if(lock, (query) => query.forUpdate())
    .executeTakeFirst()
  if (connection === undefined) return undefined
  const authorizations: Limits[] = await db
    .selectFrom('authorizations as a')
    .innerJoin('runtime_providers as rp', (join) =>
      join
        .onRef('rp.runtime_id', '=', 'a.runtime_id')
        .onRef('rp.provider_id', '=', 'a.provider_id'),
    )
    .select(['a.id', 'a.expires_at', 'rp.warning_days', 'a.probed_repository', 'a.probe_outcome'])
    .where('a.connection_id', '=', id)
    .execute()
  const { own_warning_days: warning_days, probed_repository, probe_outcome } = connection
  if (warning_days !== null) {
    const own = { id: null, expires_at: null, warning_days, probed_repository, probe_outcome }
    authorizations.push(own)
  }
  const open = await db
    .selectFrom('notices')
    .select(['id', 'authorization_id', 'kind', 'event'])
    .where('connection_id', '=', id)
    .where('ended_at', 'is', null)
    .execute()
  return { now: connection.now, connection, authorizations, open }
}

function plan({ now, connection, authorizations, open }: Facts): NoticePlan {
  const wanted = new Map<string, Event>()
  const want = (event: Event | undefined) => event && wanted.set(keyOf(event), event)
  // Without a warning: whether a token ends soon is for each runtime to say.
  want(eventOf(connection, undefined, now))
  for (const authorization of authorizations) want(eventOf(connection, authorization, now))
  const known = new Set(open.map(keyOf))
  return {
    begun: [...wanted].filter(([key]) => !known.has(key)).map(([, event]) => event),
    over: open.filter((notice) => !wanted.has(keyOf(notice))).map(({ id }) => id),
    due_at: nextMoment(connection, authorizations, now),
  }
}

function keyOf({ authorization_id, kind, event }: Event): string {
  return [authorization_id, kind, event].join(' ')
}

function eventOf(
  connection: Facts['connection'],
  authorization: Limits | undefined,
  now: Date,
): Event | undefined {
  const authorization_expires_at = authorization?.expires_at ?? null
  const warning_days = authorization?.warning_days ?? 0
  const { probed_repository, probe_outcome } = authorization ?? notProbed
  // While it is being tried there is nothing to tell yet.
  const tried = probe_outcome !== 'not_tried'
  const probe = tried ? { probed_repository, probe_outcome } : notProbed
  const limits = { authorization_expires_at, warning_days, ...probe }
  const standing = standingAt({ ...connection, ...limits }, now)
  const kind = kindOf(standing.status)
  if (kind === undefined) return undefined
  if (standing.about === 'authorization' && authorization !== undefined) {
    const event =
      kind === 'insufficient_scopes'
        ? `${probe_outcome} ${probed_repository}`
        : (authorization_expires_at?.toISOString() ?? '')
    return { authorization_id: authorization.id, kind, event }
  }
  return { authorization_id: null, kind, event: whatMakesItTheSame(connection, kind) }
}

function kindOf(status: string): NoticeKind | undefined {
  return kinds.find((kind) => kind === status)
}

const kinds: readonly NoticeKind[] = [
  'expiring',
  'expired',
  'insufficient_scopes',
  'rejected',
  'reauthorization_required',
]

function whatMakesItTheSame(connection: Facts['connection'], kind: NoticeKind): string {
  const { expires_at, missing_scopes, version } = connection
  if (kind === 'expiring' || kind === 'expired') return expires_at?.toISOString() ?? ''
  return kind === 'insufficient_scopes' ? missing_scopes.toSorted().join(' ') : `version ${version}`
}

function nextMoment(
  { expires_at }: Facts['connection'],
  authorizations: Facts['authorizations'],
  now: Date,
): Date | null {
  const ends = authorizations.flatMap((authorization) =>
    [expires_at, authorization.expires_at].flatMap((end) =>
      end === null ? [] : [end, warningBegins(end, authorization.warning_days)],
    ),
  )
  const ahead = [...ends, ...(expires_at === null ? [] : [expires_at])].filter((at) => at > now)
  return ahead.length === 0 ? null : new Date(Math.min(...ahead.map((at) => at.getTime())))
}
