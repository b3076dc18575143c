import { sql } from 'kysely'
import { ProblemError } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { type Actor, decide } from '../policy/decide.ts'
import type { Db, Trx } from '../store/database.ts'
import { hashRuntimeKey, newRuntimeKey, runtimeKeyHint } from './runtime-key.ts'

/** How long the old key still works after a new one was made. */
const OVERLAP_HOURS = 24

interface Request {
  actor: Actor
  ip: string | null
  runtime: { id: string; name: string }
}

/** Makes a key for a runtime that has none that stays. @returns the key, in the clear */
export async function insertRuntimeKey(trx: Trx, runtime_id: string): Promise<string> {
  const key = newRuntimeKey()
  await trx
    .insertInto('runtime_keys')
    .values({ runtime_id, hash: hashRuntimeKey(key), hint: runtimeKeyHint(key) })
    .execute()
  return key
}

/**
 * Rotates: makes a key, and lets the one before work for another day.
 *
 * @returns the new key, in the clear, for the last time
 * @throws ProblemError `runtime-keys-full` while two keys are active
 */
export async function rotateRuntimeKey(db: Db, request: Request): Promise<string> {
  const { actor, ip, runtime } = request
  const attempt = {
    actor,
    action: 'runtime_key.create',
    subject: runtime.name,
    ip,
    runtime_id: runtime.id,
  } as const
  return await decide(db, attempt, async (trx) => {
    const active = await activeKeys(trx, runtime.id)
    if (active.length > 1) {
      throw new ProblemError(
        'runtime-keys-full',
        'Revoke the older key first, or wait until it has ended.',
      )
    }
    await trx
      .updateTable('runtime_keys')
      .set({ expires_at: sql<Date>`now() + make_interval(hours => ${OVERLAP_HOURS})` })
      .where('runtime_id', '=', runtime.id)
      .where('expires_at', 'is', null)
      .execute()
    const key = await insertRuntimeKey(trx, runtime.id)
    await announce(trx, { name: 'runtimes', owner_id: null, id: runtime.id })
    return key
  })
}

/**
 * Revokes a key at once.
 *
 * @throws ProblemError `not-found`, `runtime-key-last`
 */
export async function revokeRuntimeKey(
  db: Db,
  request: Request & { key_id: string },
): Promise<void> {
  const { actor, ip, runtime, key_id } = request
  const attempt = {
    actor,
    action: 'runtime_key.delete',
    subject: runtime.name,
    ip,
    runtime_id: runtime.id,
  } as const
  await decide(db, attempt, async (trx) => {
    const active = await activeKeys(trx, runtime.id)
    if (!active.includes(key_id)) {
      throw new ProblemError('not-found', 'This key was revoked or has ended already.')
    }
    if (active.length === 1) {
      throw new ProblemError(
        'runtime-key-last',
        'Make a new key first, so that the runtime is not locked out; or remove the runtime.',
      )
    }
    await trx.deleteFrom('runtime_keys').where('id', '=', key_id).execute()
    await trx
      .updateTable('runtime_keys')
      .set({ expires_at: null })
      .where('runtime_id', '=', runtime.id)
      .where(sql<boolean>`expires_at > now()`)
      .execute()
    await announce(trx, { name: 'runtimes', owner_id: null, id: runtime.id })
  })
}

/** Ids of the keys that work now; the runtime is locked, so that rotations take turns. */
async function activeKeys(trx: Trx, runtime_id: string): Promise<string[]> {
  const runtime = await trx
    .selectFrom('runtimes')
    .select('id')
    .where('id', '=', runtime_id)
    .forUpdate()
    .executeTakeFirst()
  if (runtime === undefined) {
    throw new ProblemError('not-found', 'This runtime is not, or no longer, registered.')
  }
  const rows = await trx
    .selectFrom('runtime_keys')
    .select('id')
    .where('runtime_id', '=', runtime_id)
    .where(sql<boolean>`(expires_at is null or expires_at > now())`)
    .execute()
  return rows.map((row) => row.id)
}
