import assert from 'node:assert/strict'
import { sql } from 'kysely'
import type { AuditEntry, Client } from '../../src/contract/index.ts'
import type { Database } from '../../src/store/database.ts'
import { databaseTime } from './database-time.ts'
import { until } from './until.ts'

/** Who acts: as administrators read it, and with the id that is kept beside. */
export type Actor = AuditEntry['actor'] & { id: string | null }

/** A row of the audit trail but for its own id and time: what administrators read, and the ids. */
export interface Row extends Omit<AuditEntry, 'id' | 'at' | 'actor'> {
  actor: Actor
  owner_id: string | null
  runtime_id: string | null
  connection_id: string | null
}

export interface AuditTrail {
  /**
   * Does something, and holds what that left in the trail, oldest first, against `rows`. For those
   * of a vault, which acts later, it waits.
   *
   * @returns what `act` gave
   */
  leaves<T>(act: () => Promise<T>, rows: (done: T) => Row[] | Promise<Row[]>): Promise<T>
}

export const VAULT: Actor = { kind: 'vault', name: 'vault', id: null }
export const SETUP: Actor = { kind: 'setup', name: 'setup', id: null }

export function byPerson({ id, email }: { id: string; email: string }): Actor {
  return { kind: 'person', name: email, id }
}

export function byRuntime({ id, name }: { id: string; name: string }): Actor {
  return { kind: 'runtime', name, id }
}

type More = Partial<Pick<Row, 'ip' | 'reason' | 'owner_id' | 'runtime_id' | 'connection_id'>>

/** Where all tests are. */
const HERE = '127.0.0.1'
const NONE = { reason: null, ip: HERE, owner_id: null, runtime_id: null, connection_id: null }

export function allowed(actor: Actor, action: string, subject: string, more: More = {}): Row {
  return { ...NONE, actor, action, outcome: 'allowed', subject, ...more }
}

export function denied(
  actor: Actor,
  action: string,
  subject: string,
  reason: string,
  more: More = {},
): Row {
  return { ...NONE, actor, action, outcome: 'denied', subject, reason, ...more }
}

/**
 * @param admin reads the trail
 * @param seen each action of a row that was as expected goes there, with its outcome
 */
export function openAuditTrail(
  admin: Client,
  database: Pick<Database, 'db'>,
  seen: Set<string>,
): AuditTrail {
  async function entries(): Promise<AuditEntry[]> {
    return (await admin.listAudit({ query: { limit: 100 } })).items
  }

  async function after(last: string | undefined): Promise<AuditEntry[]> {
    const all = await entries()
    const end = all.findIndex(({ id }) => id === last)
    return (end < 0 ? all : all.slice(0, end)).toReversed()
  }

  return {
    async leaves(act, rows) {
      const last = (await entries())[0]?.id
      const begun = await databaseTime(database)
      const done = await act()
      const expected = await rows(done)
      if (expected.some(({ actor }) => actor.kind === 'vault')) {
        const enough = async () => (await after(last)).length >= expected.length
        await until(`rows of ${expected.map(({ action }) => action)}`, enough)
      }
      const left = await after(last)
      const ended = await databaseTime(database)
      for (const { at } of left) assert.ok(begun <= at && at <= ended, at)
      assert.deepEqual(await withIds(database, left), expected)
      for (const { action, outcome } of expected) seen.add(`${action} ${outcome}`)
      return done
    },
  }
}

/** The ids are kept for whoever asks the database. */
async function withIds({ db }: Pick<Database, 'db'>, entries: AuditEntry[]): Promise<Row[]> {
  const stored = await db
    .selectFrom('audit')
    .select(['id', 'actor_id', 'owner_id', 'runtime_id', 'connection_id'])
    .where('id', '=', sql<string>`any(${entries.map(({ id }) => id)}::bigint[])`)
    .execute()
  return entries.map(({ id, at: _, actor, ...entry }) => {
    const { id: __, actor_id, ...ids } = stored.find((row) => row.id === id) ?? assert.fail(id)
    return { ...entry, ...ids, actor: { ...actor, id: actor_id } }
  })
}
