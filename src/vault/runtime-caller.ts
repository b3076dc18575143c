import { sql } from 'kysely'
import { ProblemError } from '../contract/index.ts'
import { hashRuntimeKey, isRuntimeKey } from '../runtimes/runtime-key.ts'
import type { Db } from '../store/database.ts'

/** The runtime behind a key that is valid now. */
export interface RuntimeCaller {
  id: string
  name: string
  description: string
  key_id: string
}

/** Finds the runtime that a key belongs to. @throws ProblemError `runtime-key-invalid` */
export async function authenticateRuntime(db: Db, key: string): Promise<RuntimeCaller> {
  const row = isRuntimeKey(key)
    ? await db
        .selectFrom('runtime_keys')
        .innerJoin('runtimes', 'runtimes.id', 'runtime_keys.runtime_id')
        .select([
          'runtimes.id',
          'runtimes.name',
          'runtimes.description',
          'runtime_keys.id as key_id',
        ])
        .where('runtime_keys.hash', '=', hashRuntimeKey(key))
        .where(sql<boolean>`(expires_at is null or expires_at > now())`)
        .executeTakeFirst()
    : undefined
  if (row === undefined) throw runtimeKeyInvalid()
  return row
}

export function runtimeKeyInvalid(): ProblemError {
  return new ProblemError(
    'runtime-key-invalid',
    'The key is mistyped, was revoked, or was rotated more than a day ago. An administrator ' +
      'makes a new one on the page of the runtime.',
  )
}

/** Whether this is a person's id and not an e-mail address. */
export function isPersonId(person: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(person)
}

/** Finds a person by id or by e-mail address, in any case. */
export async function findPerson(
  db: Db,
  person: string,
): Promise<{ id: string; name: string; email: string } | undefined> {
  return await db
    .selectFrom('people')
    .select(['id', 'name', 'email'])
    .where((row) =>
      isPersonId(person)
        ? row('id', '=', person)
        : row(sql`lower(email)`, '=', person.toLowerCase()),
    )
    .executeTakeFirst()
}
