import { sql } from 'kysely'
import { notProbed } from '../authorizations/probe.ts'
import type { ProviderAdapter, ProviderHttp, TokenCredential } from '../providers/provider.ts'
import type { Db, Trx } from '../store/database.ts'
import type { ProbeOutcome } from '../store/tables.ts'
import { type Probe, probeRepository, signOnSentence } from './probe-repository.ts'

/** What a repository told about a token, for one of the runtimes that use it. */
export interface Probed {
  /** Null: the token is the runtime's own. */
  authorization_id: string | null
  repository: string
  outcome: Probe['outcome']
  /** Why nothing was learned. */
  failed?: string
}

/**
 * Tries a connection's token on each repository that the runtimes which use it have named.
 *
 * @param but the id of a runtime that has had it tried
 */
export async function probeForRuntimes(
  db: Db,
  adapter: ProviderAdapter,
  http: ProviderHttp,
  credential: TokenCredential,
  provider: string,
  connection_id: string,
  but?: string,
): Promise<Probed[]> {
  const wanted = await repositoriesFor(db, connection_id, but)
  const answers = new Map<string, Probe>()
  const probed: Probed[] = []
  for (const { authorization_id, probe_repository: repository } of wanted) {
    if (repository === null) continue
    const probe =
      answers.get(repository) ?? (await probeRepository(adapter, http, credential, repository))
    answers.set(repository, probe)
    const failed = failureOf(probe, provider, repository)
    const { outcome } = probe
    probed.push({ authorization_id, repository, outcome, ...(failed && { failed }) })
  }
  return probed
}

/** The repositories that are named for the runtimes which a connection serves, or whose own it is. */
async function repositoriesFor(
  db: Db,
  connection_id: string,
  but: string | undefined,
): Promise<{ authorization_id: string | null; probe_repository: string | null }[]> {
  const { rows } = await sql<{ authorization_id: string | null; probe_repository: string | null }>`
    select a.id as authorization_id, rp.probe_repository
    from authorizations a join runtime_providers rp
      on rp.runtime_id = a.runtime_id and rp.provider_id = a.provider_id
    where a.connection_id = ${connection_id} and a.runtime_id is distinct from ${but ?? null}
    union all
    select null, rp.probe_repository
    from connections c join runtime_providers rp
      on rp.runtime_id = c.runtime_id and rp.provider_id = c.provider_id
    where c.id = ${connection_id}`.execute(db)
  return rows
}

function failureOf(probe: Probe, provider: string, repository: string): string | undefined {
  if (probe.outcome === 'unavailable') return probe.error.message
  if (probe.outcome !== 'sign_on_required') return undefined
  return signOnSentence(provider, repository, probe.page)
}

/**
 * Notes what was learned of a token that the host took. Where nothing was, what was known before
 * stays; where nothing is named to try it on, nothing is known.
 *
 * @param hidden the token does not show its scopes: a runtime that came while it was tried, and names
 *   a repository, still waits for that
 */
export async function writeProbes(
  trx: Trx,
  connection_id: string,
  hidden: boolean,
  probes: readonly Probed[],
): Promise<void> {
  const tried = probes.flatMap(({ authorization_id }) => authorization_id ?? [])
  await trx
    .updateTable('authorizations')
    .set(notProbed)
    .where('connection_id', '=', connection_id)
    .where('probe_outcome', 'is not', null)
    .$if(tried.length > 0, (query) => query.where('id', 'not in', tried))
    .$if(hidden, (query) => query.where(namesNoRepository))
    .execute()
  if (!probes.some(({ authorization_id }) => authorization_id === null)) {
    await trx
      .updateTable('connections')
      .set(notProbed)
      .where('id', '=', connection_id)
      .where('probe_outcome', 'is not', null)
      .execute()
  }
  for (const { authorization_id, repository, outcome } of probes) {
    if (!isLearned(outcome)) continue
    const learned = { probed_repository: repository, probe_outcome: outcome }
    if (authorization_id === null) {
      await trx.updateTable('connections').set(learned).where('id', '=', connection_id).execute()
      continue
    }
    await trx
      .updateTable('authorizations')
      .set(learned)
      .where('id', '=', authorization_id)
      .where('connection_id', '=', connection_id)
      .execute()
  }
}

const namesNoRepository = sql<boolean>`not exists (select from runtime_providers named
  where named.runtime_id = authorizations.runtime_id
    and named.provider_id = authorizations.provider_id and named.probe_repository is not null)`

function isLearned(outcome: Probe['outcome']): outcome is ProbeOutcome {
  return outcome !== 'unavailable' && outcome !== 'sign_on_required'
}
