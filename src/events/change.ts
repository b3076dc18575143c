import { sql } from 'kysely'
import type { EventName } from '../contract/index.ts'
import type { Trx } from '../store/database.ts'

/** Something a page may be showing has changed; it carries no data, only what to read again. */
export interface Change {
  name: EventName
  /** Whose pages should hear of it; null: everybody's, or what administrators alone hear of. */
  owner_id: string | null
  /** What changed: a candidate, a connection, a runtime … */
  id: string
}

export const CHANGES_CHANNEL = 'countersign_changes'

/** Tells every server process of `change` when `trx` commits, and not if it does not. */
export async function announce(trx: Trx, change: Change): Promise<void> {
  await sql`select pg_notify(${CHANGES_CHANNEL}, ${JSON.stringify(change)})`.execute(trx)
}

/** The change that a notification tells of; undefined for what is none of ours. */
export function changeIn(payload: string | undefined): Change | undefined {
  try {
    const change: unknown = JSON.parse(payload ?? '')
    return typeof change === 'object' ? ((change as Change | null) ?? undefined) : undefined
  } catch {
    return undefined
  }
}
