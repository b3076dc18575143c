import { type Kysely, sql } from 'kysely'

/** A runtime's own token: connections that a runtime owns, and what leads to one. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db)
}

/**
 * `owner_id` stays the plain column that every query goes by; the generated ones only carry the
 * foreign keys of one kind of owner each. A runtime's own token goes with its use of the provider.
 */
const statements = [
  `alter table connections
    drop constraint connections_owner_id_fkey,
    add column owner_kind text not null default 'person'
      check (owner_kind in ('person', 'runtime')),
    add column person_id uuid
      generated always as (case when owner_kind = 'person' then owner_id end) stored
      references people on delete cascade,
    add column runtime_id uuid
      generated always as (case when owner_kind = 'runtime' then owner_id end) stored,
    add foreign key (runtime_id, provider_id) references runtime_providers on delete cascade`,
  `create index connections_person on connections (person_id) where person_id is not null`,
  `create unique index connections_runtime on connections (runtime_id, provider_id)
    where runtime_id is not null`,
  `alter table candidates add column for_runtime boolean not null default false`,
  `alter table authorization_requests add column for_runtime boolean not null default false`,
]
