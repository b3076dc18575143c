import { sql } from 'kysely'
import type { AuditEntry } from '../contract/index.ts'
import type { Db } from '../store/database.ts'
import {
  atMost,
  containsPattern,
  decodeCursor,
  type Page,
  type PageRequest,
  toPage,
} from '../store/page.ts'

/** The audit trail, newest first. */
export async function listAudit(db: Db, request: PageRequest): Promise<Page<AuditEntry>> {
  const before = decodeCursor(request.cursor, ['instant', 'number'])
  const pattern = containsPattern(request.q)
  const rows = await db
    .selectFrom('audit')
    .selectAll()
    .$if(before !== undefined, (query) =>
      query.where(sql<boolean>`(at, id) < (${before?.[0]}::timestamptz, ${before?.[1]}::bigint)`),
    )
    .$if(pattern !== null, (query) =>
      query.where(
        sql<boolean>`(actor_name ilike ${pattern} or action ilike ${pattern}
          or subject ilike ${pattern})`,
      ),
    )
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(atMost(request.limit + 1))
    .execute()
  return toPage(rows, request.limit, toEntry, (row) => [row.at.toISOString(), row.id])
}

function toEntry(row: {
  id: string
  at: Date
  actor_kind: AuditEntry['actor']['kind']
  actor_name: string
  action: string
  outcome: AuditEntry['outcome']
  subject: string
  reason: string | null
  ip: string | null
}): AuditEntry {
  const { id, at, actor_kind, actor_name, action, outcome, subject, reason, ip } = row
  return {
    id,
    at: at.toISOString(),
    actor: { kind: actor_kind, name: actor_name },
    action,
    outcome,
    subject,
    reason,
    ip,
  }
}
