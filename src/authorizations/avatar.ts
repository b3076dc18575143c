import { ProblemError } from '../contract/index.ts'
import type { Outbound } from '../providers/http.ts'
import type { Db } from '../store/database.ts'
import type { PersonRequest } from './person-request.ts'

/** Picture formats that a browser shows without running anything in them. */
const PICTURE_TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']
const MAX_PICTURE_BYTES = 512 * 1024

/**
 * The picture of the account behind one of a person's tokens, or, for administrators, a runtime's,
 * from the registered Git host only.
 *
 * @throws ProblemError `not-found` when there is none, or none that we would show
 */
export async function fetchAvatar(
  db: Db,
  outbound: Outbound,
  request: { person: PersonRequest['person']; connection_id: string },
): Promise<{ type: string; bytes: Buffer }> {
  const { person } = request
  const row = await db
    .selectFrom('connections')
    .innerJoin('providers', 'providers.id', 'connections.provider_id')
    .select(['account_avatar_url', 'base_url', 'private_address_confirmed'])
    .where('connections.id', '=', request.connection_id)
    .where((row) =>
      row.or([
        row('connections.owner_id', '=', person.id),
        row.and([row('connections.owner_kind', '=', 'runtime'), row.lit(person.role === 'admin')]),
      ]),
    )
    .executeTakeFirst()
  const limits = { types: PICTURE_TYPES, max_bytes: MAX_PICTURE_BYTES }
  const picture =
    row?.account_avatar_url == null
      ? undefined
      : await outbound.file(row, row.account_avatar_url, limits).catch(() => undefined)
  if (picture === undefined) throw new ProblemError('not-found', 'There is no picture to show.')
  return picture
}
