import type pg from 'pg'
import type { ActsFor, CredentialRequest, ProviderKind } from '../contract/index.ts'
import { hashRuntimeKey } from '../runtimes/runtime-key.ts'
import type { StoredProbeOutcome, StoredStatus } from '../store/tables.ts'
import { isPersonId } from './runtime-caller.ts'

/** One row for a valid key; what the request does not find is null. */
export interface GrantRow {
  runtime_key_id: string
  runtime_id: string
  runtime_name: string
  provider_id: string | null
  kind: ProviderKind | null
  provider_name: string | null
  base_url: string | null
  owner_id: string | null
  person_email: string | null
  authorization_id: string | null
  connection_id: string | null
  method: 'oauth' | 'token' | null
  box: string | null
  version: number | null
  status: StoredStatus | null
  missing_scopes: string[] | null
  expires_at: Date | null
  access_issued_at: Date | null
  access_expires_at: Date | null
  authorization_expires_at: Date | null
  probed_repository: string | null
  probe_outcome: StoredProbeOutcome | null
  account_login: string | null
  account_name: string | null
  account_email: string | null
  /** The database's time, with which all that is stored is compared. */
  now: Date
}

export type ConnectedRow = GrantRow & {
  method: 'oauth' | 'token'
  version: number
  status: StoredStatus
  missing_scopes: string[]
  account_login: string
  account_name: string
}

/** A row with a connection has all columns of it: they are not null in their tables. */
export function hasConnection(row: GrantRow): row is ConnectedRow {
  return row.connection_id !== null
}

const grantColumns = `
    k.id as runtime_key_id, r.id as runtime_id, r.name as runtime_name,
    p.id as provider_id, p.kind, p.name as provider_name, p.base_url,
    c.id as connection_id, c.method, c.box, c.version,
    case when c.method = 'oauth' and c.client_row_id is null
      then 'reauthorization_required' else c.status end as status,
    c.missing_scopes, c.expires_at, c.access_issued_at, c.access_expires_at,
    c.account_login, c.account_name, c.account_email, now() as now`

const runtimeAndProvider = `
  from runtime_keys k
  join runtimes r on r.id = k.runtime_id
  left join (runtime_providers rp join providers p on p.id = rp.provider_id)
    on rp.runtime_id = r.id and p.origin = $2`

const GRANT_QUERY = `
  select ${grantColumns}, o.id as owner_id, o.email as person_email,
    a.id as authorization_id, a.expires_at as authorization_expires_at,
    a.probed_repository, a.probe_outcome
  ${runtimeAndProvider}
  left join people o on o.id = $3 or lower(o.email) = $4
  left join authorizations a
    on a.owner_id = o.id and a.runtime_id = r.id and a.provider_id = p.id
  left join connections c on c.id = a.connection_id
  where k.hash = $1 and (k.expires_at is null or k.expires_at > now())`

/** The runtime's own token: no person and no authorization has a part in it. */
const OWN_GRANT_QUERY = `
  select ${grantColumns}, r.id as owner_id, null as person_email,
    null as authorization_id, null as authorization_expires_at,
    c.probed_repository, c.probe_outcome
  ${runtimeAndProvider}
  left join connections c on c.runtime_id = r.id and c.provider_id = p.id
  where k.hash = $1 and (k.expires_at is null or k.expires_at > now())`

/** All that a request needs, in one query; undefined for a key that is not, or no longer, valid. */
export async function readGrantRow(
  pool: pg.Pool,
  key: string,
  request: Pick<CredentialRequest, 'protocol' | 'host'> & ActsFor,
): Promise<GrantRow | undefined> {
  const where = [hashRuntimeKey(key), originOf(request)]
  const { rows } = await pool.query<GrantRow>(
    'person' in request
      ? { name: 'grant', text: GRANT_QUERY, values: [...where, ...nameOf(request.person)] }
      : { name: 'own-grant', text: OWN_GRANT_QUERY, values: where },
  )
  return rows[0]
}

/** A person's id or e-mail address, each in the place of the query that its index serves. */
function nameOf(person: string): [id: string | null, email: string | null] {
  return isPersonId(person) ? [person, null] : [null, person.toLowerCase()]
}

/**
 * The origin Git asks about: `host` has the port when it is not the protocol's own. Empty for what
 * is no host, such as `git.example.com@elsewhere`, which others may read in another way than we do.
 */
export function originOf({ protocol, host }: Pick<CredentialRequest, 'protocol' | 'host'>): string {
  const url = /[\s/\\?#@%]/.test(host) ? null : URL.parse(`${protocol}://${host}`)
  return url === null ? '' : url.origin
}
