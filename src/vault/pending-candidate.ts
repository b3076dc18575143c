import { sql } from 'kysely'
import { tokenOwner } from '../authorizations/place-connection.ts'
import type { ProviderKind } from '../contract/index.ts'
import type { Db } from '../store/database.ts'
import type { OwnerKind } from '../store/tables.ts'

/** A token that was handed in, with all that a vault needs to check it. */
export interface PendingCandidate {
  id: string
  /** Whose the token becomes. */
  owner_id: string
  owner_kind: OwnerKind
  /** Who handed it in, and hears how it went. */
  person_id: string
  runtime_id: string
  provider_id: string
  box: string
  notes: string[]
  stated_expires_at: Date | null
  ip: string | null
  kind: ProviderKind
  base_url: string
  private_address_confirmed: boolean
  skip_validation: boolean
  probe_repository: string | null
  provider: string
  runtime: string
  person: string
  now: Date
}

/** Reads a candidate; undefined when it was finished, or is gone. */
export async function loadCandidate(db: Db, id: string): Promise<PendingCandidate | undefined> {
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
      'runtime_providers.skip_validation',
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
    ...tokenOwner(row),
    person_id: row.owner_id,
    box: row.box,
    skip_validation: row.skip_validation ?? false,
  }
}
