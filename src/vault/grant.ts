import type pg from 'pg'
import type { ActsFor, CredentialRequest, ProblemError, ProviderKind } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import { isRuntimeKey } from '../runtimes/runtime-key.ts'
import { BoxError } from '../seal/box-error.ts'
import {
  hostNotRegistered,
  nothingThere,
  pagePath,
  unreadable,
  unusable,
} from './grant-problems.ts'
import { hasConnection, originOf, readGrantRow } from './grant-row.ts'
import type { Keyring } from './keyring.ts'
import { runtimeKeyInvalid } from './runtime-caller.ts'
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
  /** Of the Git host, as `originOf` says it. */
  origin: string
  provider: { kind: ProviderKind; name: string; base_url: string }
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
  const row = await readGrantRow(pool, key, request)
  if (row === undefined) return { problem: runtimeKeyInvalid() }
  const runtime = { id: row.runtime_id, name: row.runtime_name }
  const { owner_id, provider_id, connection_id, box, kind, provider_name: name, base_url } = row
  if (provider_id === null || kind === null || name === null || base_url === null) {
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
    origin: originOf(request),
    provider: { kind, name, base_url },
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
