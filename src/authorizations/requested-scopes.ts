import { sql } from 'kysely'
import { ProblemError, type ProviderKind } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import { missingScopes, type ProviderAdapter } from '../providers/provider.ts'
import type { Db, Trx } from '../store/database.ts'
import { servesPeople } from './serving-client.ts'

interface Row {
  runtime_id: string
  provider_id: string
}

/**
 * The scopes to ask for: of a person, the administrator's choice, or else what the kind needs, and
 * the choices for all that the person has authorized with the same app, for its grant is one; for a
 * runtime's own token, what the kind needs for that.
 *
 * @param person_id null: for the runtime itself
 */
export async function requestedScopes(
  db: Db,
  row: Row,
  adapter: ProviderAdapter,
  person_id: string | null,
): Promise<string[]> {
  const { default_scopes } = adapter.oauth
  if (person_id === null) return [...default_scopes.runtime]
  const own = (await chosenScopes(db, row)) ?? default_scopes.person
  return [...new Set([...own, ...(await chosenElsewhere(db, row, person_id))])]
}

/** The administrator's choice for people who authorize a runtime; null: none was made. */
export async function chosenScopes(db: Db | Trx, row: Row): Promise<string[] | null> {
  const chosen = await db
    .selectFrom('runtime_providers')
    .select('scopes')
    .where('runtime_id', '=', row.runtime_id)
    .where('provider_id', '=', row.provider_id)
    .executeTakeFirst()
  return chosen?.scopes ?? null
}

async function chosenElsewhere(
  db: Db,
  { runtime_id, provider_id }: Row,
  person_id: string,
): Promise<string[]> {
  const { rows } = await sql<{ scopes: string[] }>`
    select other.scopes
    from runtime_providers rp
    join clients k on ${servesPeople('k', 'rp')}
    join connections c on c.client_row_id = k.id and c.owner_id = ${person_id}
    join authorizations a on a.connection_id = c.id and a.runtime_id <> rp.runtime_id
    join runtime_providers other
      on other.runtime_id = a.runtime_id and other.provider_id = a.provider_id
    where rp.runtime_id = ${runtime_id} and rp.provider_id = ${provider_id}
      and other.scopes is not null
    order by a.authorized_at`.execute(db)
  return rows.flatMap(({ scopes }) => scopes)
}

/**
 * Scopes of OpenID Connect that say what else is to be answered: hosts do not name them among what
 * a token may do.
 *
 * @see https://openid.net/specs/openid-connect-core-1_0.html#ScopeClaims
 */
const NOT_OF_TOKENS = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access']

/** What `granted` lacks of the scopes that were asked for. */
export function lackingOfAsked(
  adapter: Pick<ProviderAdapter, 'hasScope'>,
  asked: readonly string[],
  granted: readonly string[],
): string[] {
  return asked.filter(
    (scope) => !NOT_OF_TOKENS.includes(scope) && !adapter.hasScope(granted, scope),
  )
}

/**
 * What a grant, made for another runtime, lacks of the administrator's choice for this one. Where
 * nothing is known of its scopes, or a kind names them otherwise than its tokens do, nothing.
 *
 * @param chosen as `chosenScopes` gives it
 */
export function lackingOfChosen(
  kind: ProviderKind,
  chosen: readonly string[] | null,
  { method, scopes }: { method: 'oauth' | 'token'; scopes: readonly string[] },
): string[] {
  const adapter = adapterFor(kind)
  if (method !== 'oauth' || chosen === null || scopes.length === 0) return []
  return namesAlike(adapter) ? lackingOfAsked(adapter, chosen, scopes) : []
}

/** True where the scopes of grants have the names that those of tokens have. */
function namesAlike(adapter: ProviderAdapter): boolean {
  return missingScopes(adapter, adapter.oauth.default_scopes.person).length === 0
}

/**
 * Turns away a list of scopes with which each person's authorization would be turned down later.
 * Where a kind's grants name them otherwise than its tokens, nobody can say that beforehand.
 *
 * @throws ProblemError `scopes-too-few`
 */
export function refuseTooFewScopes(kind: ProviderKind, scopes: readonly string[]): void {
  const adapter = adapterFor(kind)
  if (!namesAlike(adapter)) return
  const missing_scopes = missingScopes(adapter, scopes)
  if (missing_scopes.length === 0) return
  throw new ProblemError(
    'scopes-too-few',
    `Every authorization would be turned down: ${missing_scopes.join(' and ')} ` +
      `${missing_scopes.length === 1 ? 'is' : 'are'} missing. The usual scopes are ` +
      `${adapter.oauth.default_scopes.person.join(' ')}.`,
    { extensions: { missing_scopes } },
  )
}
