import { ProblemError } from '../contract/index.ts'
import type { Trx } from '../store/database.ts'

/**
 * Whoever takes the role from this administrator waits until `trx` ends.
 *
 * @throws ProblemError `not-an-administrator` when that was done meanwhile
 */
export async function holdAdministrator(trx: Trx, { id }: { id: string }): Promise<void> {
  const admin = await trx
    .selectFrom('people')
    .select('id')
    .where('id', '=', id)
    .where('role', '=', 'admin')
    .forShare()
    .executeTakeFirst()
  if (admin === undefined) throw notAnAdministrator()
}

export function notAnAdministrator(): ProblemError {
  return new ProblemError('not-an-administrator', 'Ask an administrator to do this.')
}
