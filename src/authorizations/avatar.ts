import { ProblemError } from '../contract/index.ts'
import type { Outbound } from '../providers/http.ts'
import type { Db } from '../store/database.ts'
import type { PersonRequest } from './person-request.ts'
import type { Picture, PictureCache } from './picture-cache.ts'

/** Picture formats that a browser shows without running anything in them. */
const PICTURE_TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp']
const MAX_PICTURE_BYTES = 512 * 1024

/**
 * The picture of the account behind one of a person's tokens, or, for administrators, a runtime's,
 * from the registered Git host only.
 *
 * @param parts.count is called before the Git host is asked, and throws when that is too often
 * @throws ProblemError `not-found` when there is none, or none that we would show
 */
export async function fetchAvatar(
  parts: { db: Db; outbound: Outbound; pictures: PictureCache; count: () => Promise<void> },
  request: { person: PersonRequest['person']; connection_id: string },
): Promise<Picture> {
  const { db, outbound, pictures, count } = parts
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
  if (row === undefined || row.account_avatar_url === null) throw noPicture()
  const { base_url, account_avatar_url: url } = row
  const key = `${base_url} ${url}`
  const kept = pictures.get(key)
  if (kept !== undefined) return kept
  await count()
  const limits = { types: PICTURE_TYPES, max_bytes: MAX_PICTURE_BYTES }
  const picture = await outbound.file(row, url, limits).catch(() => undefined)
  if (picture === undefined) throw noPicture()
  pictures.set(key, picture)
  return picture
}

function noPicture(): ProblemError {
  return new ProblemError('not-found', 'There is no picture to show.')
}
