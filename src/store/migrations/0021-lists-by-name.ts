import { type Kysely, sql } from 'kysely'

/** Lists of names are sorted as people expect, and what is removed takes along what refers to it. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

const statements = [
  'drop index people_by_name',
  'create index people_by_name on people (lower(name), id)',

  'create index if not exists candidates_runtime on candidates (runtime_id)',
  'create index if not exists candidates_provider on candidates (provider_id)',
  'create index if not exists revocations_provider on revocations (provider_id)',
  'create index if not exists authorization_requests_runtime on authorization_requests (runtime_id)',
  'create index if not exists authorization_requests_provider on authorization_requests (provider_id)',
  'create index if not exists authorization_requests_client on authorization_requests (client_row_id)',
]
