import { sql } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import { servesPeople } from '../authorizations/serving-client.ts'
import type { Runtime } from '../contract/index.ts'
import type { Db, Trx } from '../store/database.ts'

/** Runtimes with their providers, keys, authorizations, own tokens and apps, each in one row. */
export function runtimeRows(db: Db | Trx) {
  return db.selectFrom('runtimes').select((row) => [
    'runtimes.id',
    'runtimes.name',
    'runtimes.description',
    'runtimes.agent_seen_at',
    'runtimes.agent_version',
    'runtimes.created_at',
    jsonArrayFrom(
      row
        .selectFrom('runtime_providers')
        .innerJoin('providers', 'providers.id', 'runtime_providers.provider_id')
        .select(['providers.id', 'providers.kind', 'providers.name', 'providers.base_url'])
        .whereRef('runtime_providers.runtime_id', '=', 'runtimes.id')
        .orderBy('providers.name'),
    ).as('providers'),
    jsonArrayFrom(
      row
        .selectFrom('runtime_keys')
        .select(['runtime_keys.id', 'runtime_keys.hint', 'created_at', 'expires_at'])
        .whereRef('runtime_keys.runtime_id', '=', 'runtimes.id')
        .where(sql<boolean>`(expires_at is null or expires_at > now())`)
        .orderBy('created_at', 'desc'),
    ).as('keys'),
    row
      .selectFrom('authorizations')
      .select(sql<number>`count(*)::int`.as('count'))
      .whereRef('authorizations.runtime_id', '=', 'runtimes.id')
      .as('authorizations'),
    jsonArrayFrom(
      row
        .selectFrom('connections')
        .innerJoin('providers', 'providers.id', 'connections.provider_id')
        .innerJoin('runtime_providers as used', (join) =>
          join
            .onRef('used.runtime_id', '=', 'connections.runtime_id')
            .onRef('used.provider_id', '=', 'connections.provider_id'),
        )
        .select('providers.name')
        .whereRef('connections.runtime_id', '=', 'runtimes.id')
        .where(needsCare)
        .orderBy('providers.name'),
    ).as('tokens_in_need'),
    jsonArrayFrom(
      row
        .selectFrom('runtime_providers as used')
        .innerJoin('providers', 'providers.id', 'used.provider_id')
        .innerJoin('clients', 'clients.provider_id', 'used.provider_id')
        .select('providers.name')
        .distinct()
        .whereRef('used.runtime_id', '=', 'runtimes.id')
        .where('clients.test_outcome', '=', 'failed')
        .where(usesApp)
        .orderBy('providers.name'),
    ).as('apps_in_need'),
  ])
}

/** True of a token that fails or will soon, beside the row `used` of its runtime and provider. */
const needsCare = sql<boolean>`(connections.status not in ('valid', 'unverified')
  or connections.probe_outcome <> 'proved'
  or connections.expires_at < now() + make_interval(days => used.warning_days))`

/**
 * True of an app, in `clients`, that people of the row `used` authorize with, or that the runtime's
 * own token there was granted to, which may be another one.
 */
const usesApp = sql<boolean>`(used.auth_mode <> 'token' and ${servesPeople('clients', 'used')}
  or exists (select from connections
    where connections.runtime_id = used.runtime_id and connections.provider_id = used.provider_id
      and connections.client_row_id = clients.id))`

/** True of a runtime with a token of its own, or an app, that needs an administrator. */
export const isInNeed = sql<boolean>`(runtimes.id in (
  select connections.runtime_id from connections
  join runtime_providers used
    on used.runtime_id = connections.runtime_id and used.provider_id = connections.provider_id
  where connections.runtime_id is not null and ${needsCare})
  or runtimes.id in (
    select used.runtime_id from runtime_providers used
    join clients on clients.provider_id = used.provider_id
    where clients.test_outcome = 'failed' and ${usesApp}))`

type RuntimeRow = Awaited<ReturnType<ReturnType<typeof runtimeRows>['executeTakeFirstOrThrow']>>

/** The resource for a row of `runtimeRows`. */
export function toRuntime(row: RuntimeRow): Runtime {
  const { id, name, description, providers } = row
  return {
    id,
    name,
    description,
    providers,
    keys: row.keys.map((key) => ({
      id: key.id,
      hint: key.hint,
      created_at: new Date(key.created_at).toISOString(),
      expires_at: key.expires_at === null ? null : new Date(key.expires_at).toISOString(),
    })),
    agent:
      row.agent_seen_at === null
        ? null
        : { seen_at: row.agent_seen_at.toISOString(), version: row.agent_version ?? '' },
    authorizations: row.authorizations ?? 0,
    tokens_in_need: row.tokens_in_need.map((provider) => provider.name),
    apps_in_need: row.apps_in_need.map((provider) => provider.name),
    created_at: row.created_at.toISOString(),
  }
}
