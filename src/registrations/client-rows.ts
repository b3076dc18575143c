import { sql } from 'kysely'
import { type OAuthClient, ProblemError, type ProviderKind } from '../contract/index.ts'
import type { Db, Trx } from '../store/database.ts'

/** One client. @throws ProblemError `not-found` */
export async function readClient(db: Db | Trx, id: string): Promise<OAuthClient> {
  const row = await clientRows(db).where('clients.id', '=', id).executeTakeFirst()
  if (row === undefined) throw clientNotFound()
  return toClient(row)
}

export function clientNotFound(): ProblemError {
  return new ProblemError('not-found', 'This app is not, or no longer, registered.')
}

/** Clients with their place, ready for `toClient`. */
export function clientRows(db: Db | Trx) {
  return db
    .selectFrom('clients')
    .innerJoin('providers', 'providers.id', 'clients.provider_id')
    .leftJoin('runtimes', 'runtimes.id', 'clients.runtime_id')
    .select([
      'clients.id',
      'clients.client_id',
      'clients.created_at',
      'clients.updated_at',
      'clients.test_at',
      'clients.test_outcome',
      'clients.test_detail',
      'providers.id as provider_id',
      'providers.kind',
      'providers.name as provider_name',
      'providers.base_url',
      'runtimes.id as runtime_id',
      'runtimes.name as runtime_name',
      'runtimes.description as runtime_description',
    ])
    .select(sql<boolean>`clients.client_secret_box is null`.as('public_client'))
}

/** The resource for a row. */
export function toClient(row: {
  id: string
  client_id: string
  public_client: boolean
  created_at: Date
  updated_at: Date
  test_at: Date | null
  test_outcome: 'passed' | 'failed' | 'not_proved' | null
  test_detail: string | null
  provider_id: string
  kind: ProviderKind
  provider_name: string
  base_url: string
  runtime_id: string | null
  runtime_name: string | null
  runtime_description: string | null
}): OAuthClient {
  const { id, client_id, public_client, test_at, test_outcome, runtime_id } = row
  return {
    id,
    client_id,
    public_client,
    provider: {
      id: row.provider_id,
      kind: row.kind,
      name: row.provider_name,
      base_url: row.base_url,
    },
    runtime:
      runtime_id === null
        ? null
        : {
            id: runtime_id,
            name: row.runtime_name ?? '',
            description: row.runtime_description ?? '',
          },
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    test:
      test_at === null || test_outcome === null
        ? null
        : { at: test_at.toISOString(), outcome: test_outcome, detail: row.test_detail ?? '' },
  }
}
