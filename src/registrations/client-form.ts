import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { currentVaultKey } from '../authorizations/vault-key.ts'
import { callbackPath, type OAuthClient, ProblemError, type Scope } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { ProviderAdapter } from '../providers/provider.ts'
import { withReasons } from '../providers/scope-reasons.ts'
import type { VaultPublicKey } from '../seal/keys.ts'
import { type Db, inSnapshot, type Trx } from '../store/database.ts'
import { clientRows, toClient } from './client-rows.ts'

/** The place of a client: a provider's default, or one runtime's own. */
export interface ClientPlace {
  provider_id: string
  runtime_id?: string | undefined
}

export interface ClientForm {
  id: string
  vault_key: VaultPublicKey
  callback_url: string
  registration_page: string
  public_clients: boolean
  scopes: Scope[]
  client: OAuthClient | null
  used_by: ClientUse
}

/** What would be over without a client. */
export interface ClientUse {
  people: number
  runtimes: number
}

/** What is needed to register or replace a client. @throws ProblemError `not-found` */
export function getClientForm(db: Db, page_url: string, place: ClientPlace): Promise<ClientForm> {
  return inSnapshot(db, (trx) => readClientForm(trx, page_url, place))
}

async function readClientForm(trx: Trx, page_url: string, place: ClientPlace): Promise<ClientForm> {
  const provider = await trx
    .selectFrom('providers')
    .select(['kind', 'base_url'])
    .where('id', '=', place.provider_id)
    .executeTakeFirst()
  if (provider === undefined) {
    throw new ProblemError('not-found', 'This Git host is not, or no longer, registered.')
  }
  const adapter = adapterFor(provider.kind)
  const row = await clientRows(trx)
    .where('clients.provider_id', '=', place.provider_id)
    .where('clients.runtime_id', 'is not distinct from', place.runtime_id ?? null)
    .executeTakeFirst()
  return {
    id: row?.id ?? randomUUID(),
    vault_key: await currentVaultKey(trx),
    callback_url: page_url + callbackPath(place.provider_id),
    registration_page: adapter.pages(provider.base_url).new_client,
    public_clients: adapter.oauth.public_clients ?? false,
    scopes: await scopesOf(trx, place, adapter),
    client: row === undefined ? null : toClient(row),
    used_by: row === undefined ? { people: 0, runtimes: 0 } : await countUsers(trx, row.id),
  }
}

/**
 * All that may be asked for with an app, in the words of grants: of people, for a runtime's own token,
 * and by the own lists of the runtimes that it is for. Some hosts grant no scope that the app lacks.
 */
async function scopesOf(trx: Trx, place: ClientPlace, adapter: ProviderAdapter): Promise<Scope[]> {
  const { person, runtime } = adapter.oauth.default_scopes
  const ofRuntimes = withReasons(adapter, runtime, 'runtime').map(({ scope, reason }) => ({
    scope,
    reason: `${reason}, for a runtime's own token`,
  }))
  const all = [
    ...withReasons(adapter, person, 'person'),
    ...ofRuntimes,
    ...withReasons(adapter, await ownLists(trx, place), 'person'),
  ]
  return all.filter(({ scope }, index) => all.findIndex((one) => one.scope === scope) === index)
}

/** The scopes that administrators chose for runtimes whose people authorize with the app. */
async function ownLists(trx: Trx, { provider_id, runtime_id }: ClientPlace): Promise<string[]> {
  const rows = await trx
    .selectFrom('runtime_providers')
    .select(sql<string>`unnest(scopes)`.as('scope'))
    .distinct()
    .where('provider_id', '=', provider_id)
    .$if(runtime_id === undefined, (query) => query.where('auth_mode', '=', 'default_client'))
    .$if(runtime_id !== undefined, (query) => query.where('runtime_id', '=', runtime_id ?? ''))
    .orderBy('scope')
    .execute()
  return rows.map(({ scope }) => scope)
}

/** Counts those who authorized with a client and would have to do so again. */
async function countUsers(trx: Trx, client_row_id: string): Promise<ClientUse> {
  return await trx
    .selectFrom('connections')
    .leftJoin('authorizations', 'authorizations.connection_id', 'connections.id')
    .select([
      sql<number>`count(distinct connections.person_id)::int`.as('people'),
      sql<number>`count(distinct coalesce(authorizations.runtime_id, connections.runtime_id))::int`.as(
        'runtimes',
      ),
    ])
    .where('client_row_id', '=', client_row_id)
    .where('status', '!=', 'reauthorization_required')
    .executeTakeFirstOrThrow()
}
