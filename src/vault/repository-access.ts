import {
  ProblemError,
  type RepositoryAccess,
  type RepositoryAccessRequest,
} from '../contract/index.ts'
import { enqueueBehind } from '../jobs/queue.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { Outbound } from '../providers/http.ts'
import { ProviderUnavailable, type RepositoryName, TokenRefused } from '../providers/provider.ts'
import type { Grant } from './grant.ts'
import { beingChanged, type CredentialParts, grantForUse } from './issue-credential.ts'
import { readTokenSet, tokenSetAddress } from './token-set.ts'

interface AccessCall {
  /** The runtime key, in the clear. */
  key: string
  ip: string | null
  request: RepositoryAccessRequest
}

const ACTION = 'repository.access'

/**
 * Asks the Git host whether a token, a person's as this runtime may use it or the runtime's own, can
 * read or write a repository. One statement proves that it may and writes down each use of the token,
 * before the host is asked.
 *
 * @throws ProblemError those of `readRepositoryAccess` in the contract; denials are audited, up to a limit
 */
export async function readRepositoryAccess(
  parts: CredentialParts & { outbound: Outbound },
  call: AccessCall,
): Promise<RepositoryAccess> {
  const grant = await grantForAsking(parts, call)
  try {
    return await ask(parts, call, grant)
  } catch (error) {
    if (error instanceof ProviderUnavailable) throw unavailable(error)
    if (!(error instanceof TokenRefused)) throw error
    return await askOnceMore(parts, call, grant, error)
  }
}

/** What is the path of no repository is turned away before a use is written down. */
function grantForAsking(parts: CredentialParts, call: AccessCall): Promise<Grant> {
  const check = (grant: Grant) => void repositoryOf(grant, call.request)
  return grantForUse(parts, call, ACTION, { check })
}

/** @throws ProblemError `request-invalid` */
function repositoryOf({ provider }: Grant, { path }: RepositoryAccessRequest): RepositoryName {
  const { kind, name, base_url } = provider
  const repository = adapterFor(kind).repositoryAt(base_url, path)
  if (repository !== undefined) return repository
  const detail = `${path} is not the path of a repository at ${name}.`
  throw new ProblemError('request-invalid', detail, {
    extensions: { errors: [{ pointer: '/path', detail }] },
  })
}

async function ask(
  { db, keyring, outbound }: CredentialParts & { outbound: Outbound },
  { request }: AccessCall,
  grant: Grant,
): Promise<RepositoryAccess> {
  const { connection_id, owner_id, version } = grant
  const repository = repositoryOf(grant, request)
  const row = await db
    .selectFrom('connections')
    .innerJoin('providers', 'providers.id', 'connections.provider_id')
    .select(['provider_id', 'method', 'box', 'account_login', 'kind', 'base_url'])
    .select('private_address_confirmed')
    .where('connections.id', '=', connection_id)
    .where('version', '=', version)
    .executeTakeFirst()
  if (row === undefined) {
    throw beingChanged()
  }
  const { provider_id, method, account_login: login } = row
  const adapter = adapterFor(row.kind)
  const address = tokenSetAddress({ id: connection_id, owner_id, provider_id })
  const { access_token: token } = readTokenSet(await keyring.open(address, row.box))
  const http = outbound.to(row, adapter.origins(row.base_url))
  const { sso_url, ...access } = await adapter.repositoryAccess(
    http,
    { method, token, login },
    repository,
  )
  return { ...access, sign_on_page: sso_url ?? null }
}

/** A granted token that is refused may have a successor; a pasted one has none. */
async function askOnceMore(
  parts: CredentialParts & { outbound: Outbound },
  call: AccessCall,
  grant: Grant,
  cause: TokenRefused,
): Promise<RepositoryAccess> {
  const { connection_id: id, version, refreshable } = grant
  const outcome = refreshable ? await parts.refresher.refresh(id, version, 'asked') : undefined
  if (outcome === 'refreshed' || outcome === 'gone') {
    const next = await grantForAsking(parts, call)
    try {
      return await ask(parts, call, next)
    } catch (error) {
      if (error instanceof ProviderUnavailable) throw unavailable(error)
      if (!(error instanceof TokenRefused)) throw error
    }
  }
  // Whether the refusal stands is for the check to find out.
  await parts.db.transaction().execute((trx) => enqueueBehind(trx, 'check-connection', id))
  const { person_email, runtime_id, runtime_name } = grant
  const whose = person_email ?? `runtime ${runtime_name} itself`
  const path = person_email === null ? `/admin/runtimes/${runtime_id}` : '/tokens'
  const page = `${parts.page_url}${path}`
  throw new ProblemError(
    'credential-rejected',
    `The Git host did not accept the token of ${whose}. It is being checked; see ${page}`,
    { cause, extensions: { page } },
  )
}

function unavailable(cause: ProviderUnavailable): ProblemError {
  const { message, retry_after } = cause
  return new ProblemError('provider-unavailable', `${message} Try again in a moment.`, {
    cause,
    extensions: retry_after === undefined ? {} : { retry_after },
  })
}
