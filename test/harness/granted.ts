import assert from 'node:assert/strict'
import { type Selectable, sql } from 'kysely'
import { type Credential, ProblemError } from '../../src/contract/index.ts'
import type { ConnectionsTable } from '../../src/store/tables.ts'
import { openKeyring } from '../../src/vault/keyring.ts'
import { readTokenSet } from '../../src/vault/token-set.ts'
import { type Countersign, runtimeClient } from './countersign.ts'
import type { Forge } from './forge.ts'
import { authorizeWithOAuth, registerClient } from './oauth.ts'
import { until } from './until.ts'

export const ALICE = { login: 'alice', password: 'alice-demo' }
export const TOKEN_ENDPOINT = '/login/oauth/access_token'

/** A runtime that the administrator has authorized with OAuth2, and how to ask for its credential. */
export interface Granted {
  /** The runtime key. */
  key: string
  row: { runtime_id: string; provider_id: string }
  ask(vault_url?: string, more?: { min_ttl?: number }): Promise<Credential>
}

export async function authorized(countersign: Countersign): Promise<Granted> {
  const { admin, forge, provider } = countersign
  const { runtime, key } = await countersign.runtime()
  const row = { runtime_id: runtime.id, provider_id: provider.id }
  await registerClient(admin, { url: forge.url, token: await forge.token('alice', ['all']) }, row)
  const done = await authorizeWithOAuth(admin, row, ALICE)
  assert.equal(done.status, 'completed', done.problem?.detail)
  await forge.control('DELETE', '/control/calls')
  const body = {
    person: 'ada@example.com',
    protocol: 'http',
    host: new URL(forge.url).host,
  } as const
  return {
    key,
    row,
    ask: (vault_url = countersign.vault_url, more = {}) =>
      runtimeClient(vault_url, key).issueCredential({ body: { ...body, ...more } }),
  }
}

/**
 * Makes the access token of all grants, or of this one, be over now, as far as we know, with nothing
 * due in the background.
 */
export async function endAccess({ database }: Countersign, connection_id?: string): Promise<void> {
  await sql`update connections set version = version + 1, access_expires_at = now(),
    refresh_due_at = null, refresh_failed_at = null, refresh_failure = null
    where method = 'oauth'
      and id = coalesce(${connection_id ?? null}::uuid, id)`.execute(database.db)
}

/** Makes the last failure of a refresh be too long ago to be counted for whoever asks next. */
export async function ageFailure({ database }: Pick<Countersign, 'database'>): Promise<void> {
  await sql`update connections set refresh_failed_at = refresh_failed_at - interval '6 seconds'
    where method = 'oauth'`.execute(database.db)
}

/** Ends the one grant there is at the forge, or this one: its refresh token is dead. */
export async function endGrant(countersign: Countersign, connection_id?: string): Promise<void> {
  const { database, forge, vault_key } = countersign
  const { id, owner_id, provider_id, box } = await connectionOf(countersign, connection_id)
  const keyring = await openKeyring(database.db, vault_key)
  const address = { purpose: 'token_set', row_id: id, owner_id, provider_id } as const
  const { refresh_token } = readTokenSet(await keyring.open(address, box))
  await forge.control('POST', '/control/tokens/revoke', { sha1: refresh_token })
}

/** The one grant there is, or the one with this id. */
export async function connectionOf(
  { database }: Pick<Countersign, 'database'>,
  id?: string,
): Promise<Selectable<ConnectionsTable>> {
  return await database.db
    .selectFrom('connections')
    .selectAll()
    .where('method', '=', 'oauth')
    .$if(id !== undefined, (query) => query.where('id', '=', id ?? ''))
    .executeTakeFirstOrThrow()
}

/** Makes a claim look as if its holder had died long enough ago for another vault to take it over. */
export async function ageClaim({ database }: Countersign): Promise<void> {
  await sql`update connections set refresh_claimed_at = refresh_claimed_at - interval '31 seconds'
    where method = 'oauth'`.execute(database.db)
}

/** Says that something changed, as every change does; the scheduler then looks what is due. */
export async function wakeScheduler({ admin, database }: Countersign): Promise<void> {
  const { id } = admin.person
  const change = JSON.stringify({ name: 'access', owner_id: id, id })
  await sql`select pg_notify('countersign_changes', ${change})`.execute(database.db)
}

/** Resolves when a forge has been asked for a refresh, which it may not have answered yet. */
export async function untilRefreshing(forge: Pick<Forge, 'calls'>): Promise<void> {
  await until('a call of the token endpoint', async () => (await forge.calls(TOKEN_ENDPOINT)) > 0)
}

/** Lets a vault stop between journal and database, and then breaks its connection. */
export async function cutOffAtTheRow(
  { database: { db }, forge }: Countersign,
  id: string,
  ask: Granted['ask'],
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await forge.control('DELETE', '/control/calls')
    const held = await forge.hold(TOKEN_ENDPOINT)
    const asked = ask().catch((error: unknown) => error)
    await held.asked()
    await trx.selectFrom('connections').select('id').where('id', '=', id).forUpdate().execute()
    await held.release()
    await until('a connection that waits for our lock', async () => {
      const { rows } = await sql`select pg_terminate_backend(pid, 60000) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
      return rows.length > 0
    })
    const answer = await asked
    assert.ok(answer instanceof ProblemError && answer.type === 'provider-unavailable')
  })
}
