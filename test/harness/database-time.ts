import { sql } from 'kysely'
import type { Database } from '../../src/store/database.ts'

/** What time it is by the database's clock, as it is stored and answered. */
export async function databaseTime({ db }: Pick<Database, 'db'>): Promise<string> {
  const { rows } = await sql<{ now: Date }>`select now()::timestamptz(3) as now`.execute(db)
  if (rows[0] === undefined) throw new Error('the database has no time')
  return rows[0].now.toISOString()
}
