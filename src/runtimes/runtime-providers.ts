import { sql } from 'kysely'
import { refuseTooFewScopes } from '../authorizations/requested-scopes.ts'
import { servesPeople } from '../authorizations/serving-client.ts'
import { ProblemError, type RuntimeProviderSettings } from '../contract/index.ts'
import { announce } from '../events/change.ts'
import { type Actor, decide } from '../policy/decide.ts'
import { type Db, inSnapshot, type Trx } from '../store/database.ts'
import {
  atMost,
  containsPattern,
  decodeCursor,
  type Page,
  type PageRequest,
  toPage,
} from '../store/page.ts'
import { getRuntime } from './runtimes.ts'
import { type SettingsChange, settingsInWords } from './settings-in-words.ts'

/** How people authorize a runtime, by provider name. @throws ProblemError `not-found` */
export async function listRuntimeProviders(
  db: Db,
  runtime_id: string,
  request: PageRequest,
): Promise<Page<RuntimeProviderSettings>> {
  const after = decodeCursor(request.cursor, ['text'])
  const pattern = containsPattern(request.q)
  const rows = await inSnapshot(db, async (trx) => {
    await getRuntime(trx, runtime_id)
    return await settingsRows(trx)
      .where('runtime_providers.runtime_id', '=', runtime_id)
      .$if(after !== undefined, (query) => query.where('providers.name', '>', after?.[0] ?? ''))
      .$if(pattern !== null, (query) =>
        query.where(sql<boolean>`(providers.name ilike ${pattern} or base_url ilike ${pattern})`),
      )
      .orderBy('providers.name')
      .limit(atMost(request.limit + 1))
      .execute()
  })
  return toPage(rows, request.limit, toSettings, ({ name }) => [name])
}

export interface RuntimeProviderChange extends SettingsChange {
  actor: Actor
  ip: string | null
  runtime_id: string
  provider_id: string
}

/**
 * Changes how people authorize a runtime at a provider. A new limit of age holds for what was
 * authorized before, too, from the day it was; and a new repository has its tokens tried on it soon.
 *
 * @throws ProblemError `not-found`, `scopes-too-few`
 */
export async function updateRuntimeProvider(
  db: Db,
  request: RuntimeProviderChange,
): Promise<RuntimeProviderSettings> {
  const { actor, ip, runtime_id, provider_id, ...given } = request
  const runtime = await getRuntime(db, runtime_id)
  const provider = runtime.providers.find(({ id }) => id === provider_id)
  if (provider === undefined) {
    throw new ProblemError('not-found', 'This runtime does not use that Git host.')
  }
  if (given.scopes) refuseTooFewScopes(provider.kind, given.scopes)
  const change = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as typeof given
  const attempt = {
    actor,
    action: 'runtime_provider.update',
    subject: `${provider.name} on runtime ${runtime.name}: ${settingsInWords(change)}`,
    ip,
    runtime_id,
  } as const
  return await decide(db, attempt, async (trx) => {
    if (Object.keys(change).length > 0) await apply(trx, request, change)
    await announce(trx, { name: 'runtimes', owner_id: null, id: runtime_id })
    await announce(trx, { name: 'access', owner_id: null, id: runtime_id })
    const row = await settingsRows(trx)
      .where('runtime_providers.runtime_id', '=', runtime_id)
      .where('runtime_providers.provider_id', '=', provider_id)
      .executeTakeFirst()
    if (row === undefined) {
      throw new ProblemError('not-found', 'This runtime does not use that Git host.')
    }
    return toSettings(row)
  })
}

async function apply(
  trx: Trx,
  row: { runtime_id: string; provider_id: string },
  change: SettingsChange,
): Promise<void> {
  await trx
    .updateTable('runtime_providers')
    .set(change as Required<SettingsChange>)
    .where('runtime_id', '=', row.runtime_id)
    .where('provider_id', '=', row.provider_id)
    .execute()
  if (change.probe_repository !== undefined) await tryAnew(trx, row, change.probe_repository)
  if (change.max_age_days !== undefined) await limitAge(trx, row, change.max_age_days)
  const { max_age_days, warning_days, probe_repository } = change
  if (max_age_days === undefined && warning_days === undefined && probe_repository === undefined) {
    return
  }
  await trx
    .updateTable('connections')
    .set({ notice_due_at: sql<Date>`now()` })
    .where((connection) =>
      connection.or([
        connection('id', 'in', (query) =>
          query
            .selectFrom('authorizations')
            .select('connection_id')
            .where('runtime_id', '=', row.runtime_id)
            .where('provider_id', '=', row.provider_id),
        ),
        connection.and({ runtime_id: row.runtime_id, provider_id: row.provider_id }),
      ]),
    )
    .execute()
}

async function limitAge(
  trx: Trx,
  row: { runtime_id: string; provider_id: string },
  max_age_days: number | null,
): Promise<void> {
  await trx
    .updateTable('authorizations')
    .set({
      expires_at: sql<Date | null>`authorized_at + make_interval(days => ${max_age_days}::int)`,
    })
    .where('runtime_id', '=', row.runtime_id)
    .where('provider_id', '=', row.provider_id)
    .execute()
}

/**
 * Within minutes, spread out, for tokens that do not show their scopes. A grant may be one of these
 * and valid all the same, by what was said when it was made. What was proved before goes on being used
 * meanwhile; what was not waits for the new repository, as it did for the one before.
 */
async function tryAnew(
  trx: Trx,
  { runtime_id, provider_id }: { runtime_id: string; provider_id: string },
  repository: string | null,
): Promise<void> {
  await sql`
    with forgotten as (
      update authorizations set
        probed_repository = case when probe_outcome <> 'proved' then ${repository}::text end,
        probe_outcome = case when probe_outcome <> 'proved' and ${repository}::text is not null
          then 'not_tried' end
      where runtime_id = ${runtime_id} and provider_id = ${provider_id}
        and probed_repository is distinct from ${repository}::text
      returning connection_id)
    update connections set check_due_at = now() + random() * interval '3 minutes',
      probed_repository = null, probe_outcome = null
    where (status = 'unverified' or method = 'oauth') and (id in (select connection_id from forgotten)
      or runtime_id = ${runtime_id} and provider_id = ${provider_id}
        and probed_repository is distinct from ${repository}::text)`.execute(trx)
}

function settingsRows(trx: Trx) {
  return trx
    .selectFrom('runtime_providers')
    .innerJoin('providers', 'providers.id', 'runtime_providers.provider_id')
    .select([
      'providers.id',
      'providers.kind',
      'providers.name',
      'providers.base_url',
      'auth_mode',
      'token_allowed',
      'skip_validation',
      'scopes',
      'max_age_days',
      'warning_days',
      'probe_repository',
    ])
    .select(
      sql<boolean>`auth_mode = 'token' or exists (
        select from clients where ${servesPeople('clients', 'runtime_providers')})`.as(
        'client_registered',
      ),
    )
}

type SettingsRow = Awaited<ReturnType<ReturnType<typeof settingsRows>['executeTakeFirstOrThrow']>>

function toSettings({
  id,
  kind,
  name,
  base_url,
  ...settings
}: SettingsRow): RuntimeProviderSettings {
  return { provider: { id, kind, name, base_url }, ...settings }
}
