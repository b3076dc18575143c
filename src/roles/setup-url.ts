import { createInvite, isSetupRequired } from '../people/invites.ts'
import { setupActor } from '../policy/decide.ts'
import type { Db } from '../store/database.ts'

/** A link that makes its visitor the first administrator; null when there is one. */
export async function setupUrl(db: Db, page_url: string): Promise<string | null> {
  if (!(await isSetupRequired(db))) return null
  const { token } = await createInvite(db, { actor: setupActor, ip: null, role: 'admin' })
  return `${page_url}/invite#${token}`
}
