import type { Session } from '../contract/index.ts'
import type { Db } from '../store/database.ts'
import type { SignedIn } from './auth.ts'
import { isSetupRequired } from './invites.ts'
import { getPerson } from './people.ts'

/** What a page is told about who is looking at it. @param version of this program */
export async function sessionOf(
  { db, version }: { db: Db; version: string },
  caller: SignedIn | undefined,
): Promise<Session> {
  return {
    person: caller === undefined ? null : await getPerson(db, caller.id),
    setup_required: caller === undefined && (await isSetupRequired(db)),
    version,
  }
}
