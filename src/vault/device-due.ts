import { sql } from 'kysely'
import type { ProviderKind } from '../contract/index.ts'
import type { Db } from '../store/database.ts'

/**
 * What is next for a device request: `begin`, to ask its provider for a code; `poll`, to ask whether
 * the person has allowed it; `end`, to look at what was granted, or to give up what is too old.
 */
export type DeviceStep = 'begin' | 'poll' | 'end'

/** Requests at one provider for which the same is next. */
export interface DeviceSteps {
  provider_id: string
  kind: ProviderKind
  step: DeviceStep
  /** How many of them are due. */
  due: number
  /** Milliseconds until the next of the others is; null: there are none. */
  ms: number | null
}

const STEP = sql<DeviceStep>`case
  when request.status = 'exchanging' or request.expires_at <= now() then 'end'
  when request.device_code_box is null then 'begin' else 'poll' end`

/** All that is to be done. An index has just the requests that are open. */
export async function nextDeviceSteps(db: Db): Promise<DeviceSteps[]> {
  const { rows } = await sql<DeviceSteps>`
    select request.provider_id, provider.kind, ${STEP} as step,
      (count(*) filter (where next_poll_at <= now()))::int as due,
      (extract(epoch from min(next_poll_at) filter (where next_poll_at > now()) - now()) * 1000)
        ::double precision as ms
    from authorization_requests request
    join providers provider on provider.id = request.provider_id
    where next_poll_at is not null group by 1, 2, 3`.execute(db)
  return rows
}

/**
 * Takes those that are due for longest so that no other vault takes the same at once. They are due
 * again after `taken_seconds`: should this vault die with one, another goes on.
 *
 * @param parts.but ids of those that are in hand already
 */
export async function takeDeviceSteps(
  db: Db,
  { provider_id, step }: Pick<DeviceSteps, 'provider_id' | 'step'>,
  parts: { many: number; taken_seconds: number; but?: readonly string[] },
): Promise<string[]> {
  const { many, taken_seconds, but = [] } = parts
  const { rows } = await sql<{ id: string }>`
    update authorization_requests
    set next_poll_at = now() + make_interval(secs => ${taken_seconds})
    where id in (
      select id from authorization_requests request
      where next_poll_at <= now() and provider_id = ${provider_id} and ${STEP} = ${step}
        and id <> all(${but}::uuid[])
      order by next_poll_at limit ${many} for update skip locked)
    returning id`.execute(db)
  return rows.map(({ id }) => id)
}

/** Nothing can be asked there for so long; what is too old by then is given up in time. */
export async function putOffDeviceSteps(
  db: Db,
  { provider_id, step }: Pick<DeviceSteps, 'provider_id' | 'step'>,
  seconds: number,
): Promise<void> {
  await sql`
    update authorization_requests request
    set next_poll_at = least(now() + make_interval(secs => ${seconds}), expires_at)
    where next_poll_at <= now() and provider_id = ${provider_id} and ${STEP} = ${step}`.execute(db)
}
