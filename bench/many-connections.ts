import { sql } from 'kysely'
import { tokenSetText } from '../src/vault/token-set.ts'
import { type GrantInstallation, wakeSchedulers } from './grants.ts'
import { firstRefreshToken } from './token-server.ts'

/**
 * Fills an installation with `many` grants, spread over its hosts, of which the next refreshes and
 * checks are days away. Their boxes are as large as real ones, and nobody opens them.
 */
export async function fillWithGrants(
  { database, hosts, keyring }: GrantInstallation,
  many: number,
): Promise<void> {
  const nowhere = { purpose: 'token_set', row_id: '', owner_id: '', provider_id: '' } as const
  const tokens = { access_token: 'a'.repeat(43), refresh_token: 'r'.repeat(43) }
  const box = await keyring.seal(nowhere, tokenSetText(tokens))
  const provider_ids = hosts.map(({ provider_id }) => provider_id)
  const client_row_ids = hosts.map(({ client_row_id }) => client_row_id)
  await database.db.connection().execute(async (db) => {
    // References are right as they are made; checking each takes as long as the rest.
    await sql`set session_replication_role = replica`.execute(db)
    await sql`insert into people (name, email, role)
      select 'Person ' || n, 'p' || n || '@example.com', 'member'
      from generate_series(1, ${many}::int) n`.execute(db)
    await sql`insert into connections (id, owner_id, provider_id, client_row_id, method, box,
        fingerprint, status, account_id, account_login, account_name, scopes, missing_scopes,
        access_issued_at, access_expires_at, refresh_due_at, check_due_at, checked_at)
      select gen_random_uuid(), person.id, host.provider_id, host.client_row_id, 'oauth', ${box},
        sha256(person.id::text::bytea), 'valid', '1', 'alice', 'Alice',
        '{read:user,write:repository}', '{}', now(), now() + interval '9 days',
        now() + interval '1 day' * (1 + 7 * random()), now() + interval '1 day' * (1 + random()),
        now()
      from (select id, row_number() over () as n from people where email like 'p%') person
      join unnest(${provider_ids}::uuid[], ${client_row_ids}::uuid[])
        with ordinality host (provider_id, client_row_id, n)
        on host.n = person.n % ${hosts.length}::int + 1`.execute(db)
    await sql`set session_replication_role = origin`.execute(db)
  })
}

/** Picks `many` grants anywhere in the table and gives them boxes that open. @returns their ids */
export async function pickGrants(
  { database: { db }, keyring }: GrantInstallation,
  many: number,
): Promise<string[]> {
  const picked = await db
    .selectFrom('connections')
    .select(['id', 'owner_id', 'provider_id'])
    .orderBy(sql`random()`)
    .limit(many)
    .execute()
  const boxes = await Promise.all(
    picked.map(async ({ id: row_id, owner_id, provider_id }) => {
      const address = { purpose: 'token_set', row_id, owner_id, provider_id } as const
      const refresh_token = firstRefreshToken(owner_id)
      return await keyring.seal(address, tokenSetText({ access_token: 'access', refresh_token }))
    }),
  )
  const ids = picked.map(({ id }) => id)
  await sql`update connections set box = made.box
    from unnest(${ids}::uuid[], ${boxes}::text[]) made (id, box)
    where connections.id = made.id`.execute(db)
  await sql`vacuum analyze`.execute(db)
  return ids
}

/**
 * Has grants due in `ms` milliseconds, and schedulers know. Everything is on disk before that, as
 * it would be, had they come due by themselves.
 */
export async function makeDue(
  installation: GrantInstallation,
  ids: readonly string[],
  ms: number,
): Promise<void> {
  const { db } = installation.database
  await sql`update connections set refresh_due_at = now() + make_interval(secs => ${ms / 1000})
    where id = any(${ids}::uuid[])`.execute(db)
  await sql`checkpoint`.execute(db)
  await wakeSchedulers(installation)
}
