import { sql } from 'kysely'
import { tokenOwner } from '../authorizations/place-connection.ts'
import type { Db } from '../store/database.ts'

/** A token that was handed in, with all that a vault needs to check it. */
export type PendingCandidate = NonNullable<Awaited<ReturnType<typeof loadCandidate>>>

/** Reads a candidate; undefined when it was finished, or is gone. */
export async function loadCandidate(db: Db, id: string) {
  const row = await db
    .selectFrom('candidates')
    .innerJoin('providers', 'providers.id', 'candidates.provider_id')
    .innerJoin('runtimes', 'runtimes.id', 'candidates.runtime_id')
    .innerJoin('people', 'people.id', 'candidates.owner_id')
    .leftJoin('runtime_providers', (join) =>
      join
        .onRef('runtime_providers.runtime_id', '=', 'candidates.runtime_id')
        .onRef('runtime_providers.provider_id', '=', 'candidates.provider_id'),
    )
    .select([
      'candidates.id',
      'candidates.owner_id',
      'candidates.for_runtime',
      'candidates.runtime_id',
      'candidates.provider_id',
      'candidates.box',
      'candidates.notes',
      'candidates.stated_expires_at',
      'candidates.ip',
      'providers.kind',
      'providers.base_url',
      'providers.private_address_confirmed',
      sql<boolean>`coalesce(runtime_providers.skip_validation, false)`.as('skip_validation'),
      'runtime_providers.probe_repository',
      'providers.name as provider',
      'runtimes.name as runtime',
      'people.email as person',
      sql<Date>`now()`.as('now'),
    ])
    .where('candidates.id', '=', id)
    .executeTakeFirst()
  if (row === undefined || row.box === null) return undefined
  return {
    ...row,
    /** Whose the token becomes. */
    ...tokenOwner(row),
    /** Who handed it in, and hears how it went. */
    person_id: row.owner_id,
    box: row.box,
  }
}
