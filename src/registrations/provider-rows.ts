import { sql } from 'kysely'
import { ProblemError, type Provider, type ProviderKind } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { Db, Trx } from '../store/database.ts'

/** One Git host. @throws ProblemError `not-found` */
export async function readProvider(db: Db | Trx, id: string): Promise<Provider> {
  const row = await providerRows(db).where('id', '=', id).executeTakeFirst()
  if (row === undefined) throw providerNotFound()
  return toProvider(row)
}

export function providerNotFound(): ProblemError {
  return new ProblemError('not-found', 'This Git host is not, or no longer, registered.')
}

/** Git hosts with how many runtimes use each, ready for `toProvider`. */
export function providerRows(db: Db | Trx) {
  return db
    .selectFrom('providers')
    .selectAll()
    .select((row) =>
      row
        .selectFrom('runtime_providers')
        .select(sql<number>`count(*)::int`.as('count'))
        .whereRef('runtime_providers.provider_id', '=', 'providers.id')
        .as('runtimes'),
    )
}

/** The resource for a row. */
export function toProvider(row: {
  id: string
  kind: ProviderKind
  name: string
  base_url: string
  private_address_confirmed: boolean
  tenant: string | null
  runtimes: number | null
  created_at: Date
}): Provider {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    base_url: row.base_url,
    private_address_confirmed: row.private_address_confirmed,
    tenant: row.tenant,
    required_scopes: [...adapterFor(row.kind).required_scopes.person],
    runtimes: row.runtimes ?? 0,
    created_at: row.created_at.toISOString(),
  }
}
