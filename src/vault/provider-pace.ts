import { sql } from 'kysely'
import type { ProviderKind } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { TokenRequestLimit } from '../providers/provider.ts'
import type { Db } from '../store/database.ts'
import type { PaceLane } from '../store/tables.ts'

/** How fast all vaults together may ask each provider in one lane, kept in the database they share. */
export interface ProviderPace {
  /**
   * Takes the next turn at a provider, if there is one.
   *
   * @param urgent may use up what is kept for those who wait
   * @returns 0 when the turn is ours, or else milliseconds after which to try again
   */
  take(provider_id: string, limit: TokenRequestLimit, urgent: boolean): Promise<number>
  /** The provider asked to be left alone: no vault asks it for so long, and then slower. */
  pause(provider_id: string, seconds: number): Promise<void>
}

/** Where the provider states no limit, and for checks: APIs count by person. */
export const USUAL_LIMIT: TokenRequestLimit = { most: 50, seconds: 1 }

/** Of what is allowed, this is taken steadily, … */
const STEADY_SHARE = 0.8
/** … and this at once; the rest is for who else uses the same app. */
const BURST_SHARE = 0.1
/** Calls that began one after the other may come to the provider together, after such a delay. */
const DELAY_SECONDS = 0.4

/** No provider is left alone for longer than this on its word. */
const MOST_PAUSE_SECONDS = 3600
/** So much slower each time we are told, as one answer may be the fault of a delay on the way … */
const SLOWER = 1.25
const MOST_SLOWNESS = 16
/** … and twice as fast again after so long without. */
const RECOVERY_SECONDS = 300

const SLOWNESS = sql<number>`coalesce(greatest(1, pace.slowness * power(0.5,
  extract(epoch from now() - pace.slowed_at)::double precision / ${RECOVERY_SECONDS}::int)), 1)`

/**
 * The pace as the generic cell rate algorithm has it: one row for each provider says when the next
 * call is free. Only the database's clock counts, so those of the vaults may differ.
 *
 * @see https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
 */
export function createProviderPace(db: Db, lane: PaceLane): ProviderPace {
  return {
    async take(provider_id, limit, urgent) {
      const step = stepOf(limit)
      const burst = Math.max(1, limit.most * BURST_SHARE)
      const ahead = step * ((urgent ? burst : burst / 2) - 1)
      const { rows } = await sql<{ ms: number }>`
        with turn as (
          insert into provider_paces as pace (provider_id, lane, free_at)
          values (${provider_id}, ${lane}, now() + ${seconds(step)})
          on conflict (provider_id, lane) do update
            set free_at = greatest(pace.free_at, now()) + ${seconds(step)} * ${SLOWNESS}
            where pace.free_at <= now() + ${seconds(Math.max(0, ahead))}
              and coalesce(pace.paused_until <= now(), true)
          returning 1
        )
        select case when exists (select from turn) then 0 else coalesce((
          select greatest(1, extract(epoch from greatest(
            pace.free_at - ${seconds(Math.max(0, ahead))}, pace.paused_until) - now()) * 1000)
          from provider_paces pace where provider_id = ${provider_id} and lane = ${lane}), 1)
        end::double precision as ms`.execute(db)
      return rows[0]?.ms ?? 0
    },
    async pause(provider_id, asked) {
      const wait = Math.min(Math.max(asked, 1), MOST_PAUSE_SECONDS)
      // What several calls were told at the same time counts once.
      await sql`
        insert into provider_paces as pace
          (provider_id, lane, free_at, paused_until, slowness, slowed_at)
        values (${provider_id}, ${lane}, now(), now() + ${seconds(wait)}, ${SLOWER}, now())
        on conflict (provider_id, lane) do update set
          paused_until = greatest(pace.paused_until, excluded.paused_until),
          slowness = case when pace.paused_until > now() then pace.slowness
            else least(${MOST_SLOWNESS}::double precision, ${SLOWNESS} * ${SLOWER}::double precision) end,
          slowed_at = now()`.execute(db)
    },
  }
}

/** How often a provider of this kind may be asked for tokens. */
export function limitOf(kind: ProviderKind): TokenRequestLimit {
  return adapterFor(kind).oauth.token_requests ?? USUAL_LIMIT
}

/** Calls that all vaults together may begin in a second, in the long run. */
export function callsPerSecond(limit: TokenRequestLimit): number {
  return 1 / stepOf(limit)
}

/** Seconds from one call to the next. */
function stepOf({ most, seconds }: TokenRequestLimit): number {
  return (seconds + DELAY_SECONDS) / (most * STEADY_SHARE)
}

function seconds(value: number) {
  return sql`make_interval(secs => ${value})`
}
