import type { Db } from '../store/database.ts'

/** The e-mail addresses of those who have authorized a runtime, in the order of the alphabet. */
export async function listPeopleOnRuntime(db: Db, runtime_id: string): Promise<string[]> {
  const rows = await db
    .selectFrom('people')
    .select('email')
    .where('id', 'in', (authorized) =>
      authorized
        .selectFrom('authorizations')
        .select('owner_id')
        .where('runtime_id', '=', runtime_id),
    )
    .orderBy('email')
    .execute()
  return rows.map(({ email }) => email)
}
