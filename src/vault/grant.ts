import type pg from 'pg'
import { statusAt } from '../authorizations/status.ts'
import {
  type ActsFor,
  type CredentialRequest,
  isUsable,
  ProblemError,
  type ProviderKind,
} from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import { hashRuntimeKey, isRuntimeKey } from '../runtimes/runtime-key.ts'
import { BoxError } from '../seal/box-error.ts'
import type { StoredProbeOutcome, StoredStatus } from '../store/tables.ts'
import type { Keyring } from './keyring.ts'
import { isPersonId, runtimeKeyInvalid } from './runtime-caller.ts'
import { readTokenSet, tokenSetAddress } from './token-set.ts'

/**
 * A runtime's leave to use one person's token at one Git host, or its own, as it was when last read.
 * Before anything leaves, the audit statement proves that it still is so (`audit-commit.ts`).
 */
export interface Grant {
  runtime_key_id: string
  runtime_id: string
  runtime_name: string
  owner_id: string
  /** Null: the token is the runtime's own, and so is all that allows its use. */
  person_email: string | null
  authorization_id: string | null
  connection_id: string
  version: number
  username: string
  password: string
  /** When `password` ends; with a refresh token there is another one after it. */
  expires_at: Date | null
  issued_at: Date | null
  /** The same end by this process's own stopwatch (`performance.now()`), in milliseconds. */
  ends_at: number
  refreshable: boolean
  account: { login: string; name: string; email: string | null }
}

/** Why there is no grant, and what is known for the audit row that says so. */
export interface Denial {
  problem: ProblemError
  /** Absent when nobody knows who asked: such requests are counted, not audited. */
  runtime?: { id: string; name: string }
  owner_id?: string
  connection_id?: string
}

/** One row for a valid key; what the request does not find is null. */
interface GrantRow {
  runtime_key_id: string
  runtime_id: string
  runtime_name: string
  provider_id: string | null
  kind: ProviderKind | null
  provider_name: string | null
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

const grantColumns = `
    k.id as runtime_key_id, r.id as runtime_id, r.name as runtime_name,
    p.id as provider_id, p.kind, p.name as provider_name,
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

/**
 * Reads what the request needs in one query and opens the box.
 *
 * @param page_url where a person mends what is missing
 */
export async function readGrant(
  pool: pg.Pool,
  keyring: Keyring,
  page_url: string,
  key: string,
  request: Pick<CredentialRequest, 'protocol' | 'host'> & ActsFor,
): Promise<Grant | Denial> {
  if (!isRuntimeKey(key)) return { problem: runtimeKeyInvalid() }
  const where = [hashRuntimeKey(key), originOf(request)]
  const { rows } = await pool.query<GrantRow>(
    'person' in request
      ? { name: 'grant', text: GRANT_QUERY, values: [...where, ...nameOf(request.person)] }
      : { name: 'own-grant', text: OWN_GRANT_QUERY, values: where },
  )
  const row = rows[0]
  if (row === undefined) return { problem: runtimeKeyInvalid() }
  const runtime = { id: row.runtime_id, name: row.runtime_name }
  const { owner_id, provider_id, connection_id, box, kind } = row
  if (provider_id === null || kind === null) {
    return { runtime, problem: hostNotRegistered(row.runtime_name, request.host) }
  }
  const page = page_url + pagePath(request, row.runtime_id, provider_id)
  if (owner_id === null || connection_id === null || box === null || !hasConnection(row)) {
    const known = owner_id === null ? {} : { owner_id }
    return { runtime, ...known, problem: nothingThere(row, request, page) }
  }
  const problem = unusable(row, page)
  if (problem !== undefined) return { runtime, owner_id, connection_id, problem }
  const address = tokenSetAddress({ id: connection_id, owner_id, provider_id })
  let text: string
  try {
    text = await keyring.open(address, box)
  } catch (error) {
    if (!(error instanceof BoxError)) throw error
    return { runtime, owner_id, connection_id, problem: unreadable(row, page, error) }
  }
  const { access_token: token, refresh_token } = readTokenSet(text)
  const expires_at = row.access_expires_at ?? row.expires_at
  return {
    runtime_key_id: row.runtime_key_id,
    runtime_id: row.runtime_id,
    runtime_name: row.runtime_name,
    owner_id,
    person_email: row.person_email,
    authorization_id: row.authorization_id,
    connection_id,
    version: row.version,
    ...adapterFor(kind).gitCredential({ method: row.method, token, login: row.account_login }),
    expires_at,
    issued_at: row.access_issued_at,
    ends_at: performance.now() + ((expires_at?.getTime() ?? Infinity) - row.now.getTime()),
    refreshable: refresh_token !== null,
    account: { login: row.account_login, name: row.account_name, email: row.account_email },
  }
}

/** For whom a credential was asked for, as the audit trail says it. */
export function nameIn(request: ActsFor): string {
  return 'person' in request ? request.person : ITSELF
}

/** What a person's e-mail address stands for otherwise. */
export const ITSELF = 'the runtime itself'

/** A person's id or e-mail address, each in the place of the query that its index serves. */
function nameOf(person: string): [id: string | null, email: string | null] {
  return isPersonId(person) ? [person, null] : [null, person.toLowerCase()]
}

/** The origin Git asks about: `host` has the port when it is not the protocol's own. */
export function originOf(request: Pick<CredentialRequest, 'protocol' | 'host'>): string {
  const url = URL.parse(`${request.protocol}://${request.host}`)
  return url === null ? '' : url.origin
}

type ConnectedRow = GrantRow & {
  method: 'oauth' | 'token'
  version: number
  status: StoredStatus
  missing_scopes: string[]
  account_login: string
  account_name: string
}

/** A row with a connection has all columns of it: they are not null in their tables. */
function hasConnection(row: GrantRow): row is ConnectedRow {
  return row.connection_id !== null
}

function hostNotRegistered(runtime: string, host: string): ProblemError {
  return new ProblemError(
    'host-not-registered',
    `Runtime ${runtime} does not use ${host}. An administrator can add that Git host to it.`,
  )
}

/** Where the page is on which the token is added or replaced. */
function pagePath(request: ActsFor, runtime_id: string, provider_id: string): string {
  return 'person' in request
    ? `/tokens/${runtime_id}/${provider_id}`
    : `/admin/runtimes/${runtime_id}/token/${provider_id}`
}

function nothingThere(row: GrantRow, request: ActsFor, page: string): ProblemError {
  return 'person' in request ? authorizationMissing(row, request, page) : ownTokenMissing(row, page)
}

/** Names the person as the runtime did: whether they are here is not for it to know. */
function authorizationMissing(
  row: GrantRow,
  request: { person: string },
  page: string,
): ProblemError {
  return new ProblemError(
    'authorization-missing',
    `${request.person} has not authorized runtime ${row.runtime_name} for ` +
      `${row.provider_name}. Authorize it at ${page}`,
    { extensions: { page } },
  )
}

function ownTokenMissing(row: GrantRow, page: string): ProblemError {
  return new ProblemError(
    'runtime-token-missing',
    `Runtime ${row.runtime_name} has no token of its own for ${row.provider_name}. An ` +
      `administrator gives it one at ${page}`,
    { extensions: { page } },
  )
}

/** Whose token it is, in words. */
function ownerName(row: Pick<GrantRow, 'person_email' | 'runtime_name'>): string {
  return row.person_email ?? `runtime ${row.runtime_name} itself`
}

function unusable(row: ConnectedRow, page: string): ProblemError | undefined {
  const { status, reason } = statusAt(row, row.now)
  if (isUsable(status)) return undefined
  const whose = `The ${row.provider_name} token of ${ownerName(row)}`
  const mend = `Update it at ${page}`
  if (status === 'reauthorization_required') {
    return new ProblemError(
      'reauthorization-required',
      row.person_email === null
        ? `Runtime ${row.runtime_name} itself must be authorized for ${row.provider_name} again. ` +
            `An administrator does it at ${page}`
        : `${row.person_email} must authorize runtime ${row.runtime_name} for ` +
            `${row.provider_name} again. Do it at ${page}`,
      { extensions: { page } },
    )
  }
  if (status === 'expired') {
    return new ProblemError('credential-expired', `${whose} has expired. ${mend}`, {
      extensions: { page },
    })
  }
  if (status === 'insufficient_scopes') {
    const { missing_scopes } = row
    const what =
      missing_scopes.length === 0
        ? `${whose} has not shown that it may do enough. ${reason}`
        : `${whose} lacks ${missing_scopes.join(' and ')}.`
    return new ProblemError('credential-scopes-missing', `${what} ${mend}`, {
      extensions: { page, missing_scopes },
    })
  }
  return new ProblemError('credential-rejected', `${whose} is no longer accepted. ${mend}`, {
    extensions: { page },
  })
}

/** The box was altered, moved here from elsewhere, or sealed to a key that this vault lacks. */
function unreadable(row: ConnectedRow, page: string, cause: BoxError): ProblemError {
  return new ProblemError(
    'credential-unreadable',
    `The ${row.provider_name} token of ${ownerName(row)} was damaged where it is stored. ` +
      `Replace it at ${page}`,
    { cause, extensions: { page } },
  )
}
