import { sql } from 'kysely'
import { type StatusFacts, statusAt } from '../authorizations/status.ts'
import type { RuntimeView, TokenOnRuntime } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { type Db, inSnapshot, type Trx } from '../store/database.ts'
import { findPerson, type RuntimeCaller } from './runtime-caller.ts'

/** A sign of life is written down at most this often. */
const SEEN_SECONDS = 20

/**
 * What a runtime may know of itself and its own tokens, and of one person who has authorized it. Of
 * anybody else it is not told whether they are here.
 *
 * @param request.agent version of the long-lived agent that asks, which then counts as seen
 */
export async function viewRuntime(
  db: Db,
  caller: RuntimeCaller,
  request: { person?: string | undefined; agent?: string | undefined; page_url: string },
): Promise<RuntimeView> {
  if (request.agent !== undefined) await noteAgent(db, caller.id, request.agent)
  return await inSnapshot(db, (trx) => readView(trx, caller, request))
}

async function readView(
  trx: Trx,
  { id, name, description }: RuntimeCaller,
  { person, page_url }: { person?: string | undefined; page_url: string },
): Promise<RuntimeView> {
  const providers = await trx
    .selectFrom('runtime_providers')
    .innerJoin('providers', 'providers.id', 'runtime_providers.provider_id')
    .select(['providers.id', 'providers.kind', 'providers.name', 'providers.base_url'])
    .where('runtime_id', '=', id)
    .orderBy('providers.name')
    .execute()
  return {
    runtime: { id, name, description },
    page_url,
    providers,
    own_tokens: await viewOwnTokens(trx, id),
    person: person === undefined ? null : await viewPerson(trx, id, person),
  }
}

async function viewPerson(
  trx: Trx,
  runtime_id: string,
  name: string,
): Promise<RuntimeView['person']> {
  const person = await findPerson(trx, name)
  if (person === undefined) return null
  const rows = await trx
    .selectFrom('authorizations')
    .innerJoin('connections', 'connections.id', 'authorizations.connection_id')
    .select([
      'authorizations.provider_id',
      'connections.status',
      'connections.expires_at',
      'authorizations.expires_at as authorization_expires_at',
      'authorizations.probed_repository',
      'authorizations.probe_outcome',
      'missing_scopes',
      'account_login',
      'account_name',
      'account_email',
      sql<Date>`now()`.as('now'),
    ])
    .where('authorizations.runtime_id', '=', runtime_id)
    .where('authorizations.owner_id', '=', person.id)
    .execute()
  if (rows.length === 0) return null
  return { ...person, authorizations: rows.map(toTokenOnRuntime) }
}

async function viewOwnTokens(trx: Trx, runtime_id: string): Promise<TokenOnRuntime[]> {
  const rows = await trx
    .selectFrom('connections')
    .select([
      'provider_id',
      'status',
      'expires_at',
      'probed_repository',
      'probe_outcome',
      'missing_scopes',
      'account_login',
      'account_name',
      'account_email',
      sql<Date>`now()`.as('now'),
    ])
    .where('runtime_id', '=', runtime_id)
    .execute()
  return rows.map(toTokenOnRuntime)
}

function toTokenOnRuntime(
  row: StatusFacts & {
    provider_id: string
    account_login: string
    account_name: string
    account_email: string | null
    now: Date
  },
): TokenOnRuntime {
  return {
    provider_id: row.provider_id,
    status: statusAt(row, row.now).status,
    account: {
      login: row.account_login,
      name: row.account_name,
      email: row.account_email,
      avatar_url: null,
    },
  }
}

async function noteAgent(db: Db, id: string, version: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const noted = await trx
      .updateTable('runtimes')
      .set({ agent_seen_at: sql<Date>`now()`, agent_version: version })
      .where('id', '=', id)
      .where(
        sql<boolean>`(agent_version is distinct from ${version} or agent_seen_at is null
          or agent_seen_at < now() - make_interval(secs => ${SEEN_SECONDS}))`,
      )
      .executeTakeFirst()
    if (noted.numUpdatedRows > 0n) await announce(trx, { name: 'agents', owner_id: null, id })
  })
}
