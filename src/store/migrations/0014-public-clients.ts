import { type Kysely, sql } from 'kysely'

/** OAuth apps without a secret. A time that nothing ever wrote or read goes. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table clients alter column client_secret_box drop not null`.execute(db)
  await sql`alter table revocations alter column client_secret_box drop not null`.execute(db)
  await sql`alter table authorization_requests drop column token_set_expires_at`.execute(db)
}
