import { sql } from 'kysely'
import type { ProviderKind } from '../contract/index.ts'
import type { Db } from '../store/database.ts'
import type { PaceLane } from '../store/tables.ts'

/** Something that is due for connections from time to time. */
export interface Chore {
  column: 'refresh_due_at' | 'check_due_at'
  lane: PaceLane
  /** Another vault that took one on has this long before we look at it, too. */
  taken_seconds: number
}

export interface DueConnection {
  id: string
  version: number
}

export interface NextDue {
  provider_id: string
  kind: ProviderKind
  /** Milliseconds until something is due that the provider lets us do; 0 or less: now. */
  ms: number
}

/** When a chore is due next at each provider that has any. An index knows. */
export async function nextDue(db: Db, { column, lane }: Chore): Promise<NextDue[]> {
  const { rows } = await sql<NextDue>`
    select provider.id as provider_id, provider.kind,
      (extract(epoch from greatest(next.due_at, pace.paused_until) - now()) * 1000)
        ::double precision as ms
    from providers provider
    cross join lateral (
      select min(${sql.ref(column)}) as due_at from connections
      where provider_id = provider.id and ${sql.ref(column)} is not null) next
    left join provider_paces pace on pace.provider_id = provider.id and pace.lane = ${lane}
    where next.due_at is not null`.execute(db)
  return rows
}

/** Takes what is due so that no other vault takes the same at once; none while we must wait. */
export async function takeDue(
  db: Db,
  { column, lane, taken_seconds }: Chore,
  provider_id: string,
  many: number,
): Promise<DueConnection[]> {
  const due = sql.ref(column)
  const { rows } = await sql<DueConnection>`
    update connections set ${due} = now() + make_interval(secs => ${taken_seconds})
    where id in (
      select id from connections where provider_id = ${provider_id} and ${due} <= now()
        and not exists (select from provider_paces pace
          where pace.provider_id = ${provider_id} and pace.lane = ${lane}
            and pace.paused_until > now())
      order by ${due} limit ${many} for update skip locked)
    returning id, version`.execute(db)
  return rows
}
