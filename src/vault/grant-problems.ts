import { statusAt } from '../authorizations/status.ts'
import { type ActsFor, isUsable, ProblemError } from '../contract/index.ts'
import type { BoxError } from '../seal/box-error.ts'
import type { ConnectedRow, GrantRow } from './grant-row.ts'

export function hostNotRegistered(runtime: string, host: string): ProblemError {
  return new ProblemError(
    'host-not-registered',
    `Runtime ${runtime} does not use ${host}. An administrator can add that Git host to it.`,
  )
}

/** Where the page is on which the token is added or replaced. */
export function pagePath(request: ActsFor, runtime_id: string, provider_id: string): string {
  return 'person' in request
    ? `/tokens/${runtime_id}/${provider_id}`
    : `/admin/runtimes/${runtime_id}/token/${provider_id}`
}

export function nothingThere(row: GrantRow, request: ActsFor, page: string): ProblemError {
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

export function unusable(row: ConnectedRow, page: string): ProblemError | undefined {
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
export function unreadable(row: ConnectedRow, page: string, cause: BoxError): ProblemError {
  return new ProblemError(
    'credential-unreadable',
    `The ${row.provider_name} token of ${ownerName(row)} was damaged where it is stored. ` +
      `Replace it at ${page}`,
    { cause, extensions: { page } },
  )
}
