import { ProblemError } from '../contract/index.ts'
import type { Trx } from '../store/database.ts'
import type { ProbeOutcome, StoredProbeOutcome, StoredStatus } from '../store/tables.ts'

/** The columns of an authorization, or of a runtime's own token, that say what it was tried on. */
export interface ProbeColumns {
  probed_repository: string | null
  probe_outcome: ProbeOutcome | null
}

/** Those of an authorization, whose token may still have to be tried. */
export interface AuthorizationProbe {
  probed_repository: string | null
  probe_outcome: StoredProbeOutcome | null
}

/** For a token that says itself what it may do, or that was not tried on anything. */
export const notProbed: ProbeColumns = { probed_repository: null, probe_outcome: null }

/** What a repository told about a token, in a sentence. */
export function probeSentence(repository: string, outcome: StoredProbeOutcome): string {
  switch (outcome) {
    case 'proved':
      return `Proved by ${repository}: the token may read and write there.`
    case 'read_only':
      return `The token may read ${repository} but not write to it.`
    case 'unreadable':
      return `The token sees ${repository} but may not read or write its contents.`
    case 'not_visible':
      return `The token does not reach ${repository}.`
    case 'not_tried':
      return `The token has not been tried on ${repository} yet.`
  }
}

/**
 * How a token that its owner has already begins on another runtime: what hides its scopes must be
 * proved there, too, and a runtime that takes only what shows them does not get it.
 *
 * @throws ProblemError `token-scopes-hidden`
 */
export async function probeOfReused(
  trx: Trx,
  row: { runtime_id: string; provider_id: string; provider: string },
  connection: { id: string; status: StoredStatus },
): Promise<AuthorizationProbe> {
  if (connection.status !== 'unverified') return notProbed
  const { skip_validation, probe_repository } = await trx
    .selectFrom('runtime_providers')
    .select(['skip_validation', 'probe_repository'])
    .where('runtime_id', '=', row.runtime_id)
    .where('provider_id', '=', row.provider_id)
    .executeTakeFirstOrThrow()
  if (probe_repository === null) {
    if (!skip_validation) throw scopesHidden(row.provider)
    return notProbed
  }
  const proof = await trx
    .selectFrom('authorizations')
    .select('id')
    .where('connection_id', '=', connection.id)
    .where('probed_repository', '=', probe_repository)
    .where('probe_outcome', '=', 'proved')
    .limit(1)
    .executeTakeFirst()
  const probe_outcome = proof === undefined ? 'not_tried' : 'proved'
  return { probed_repository: probe_repository, probe_outcome }
}

/** For a token, pasted or granted, of which nobody says what it may do. */
export function scopesHidden(provider: string): ProblemError {
  return new ProblemError(
    'token-scopes-hidden',
    `${provider} does not say what it may do. Use a kind of token that shows its scopes, or ask an ` +
      'administrator to name a repository to try such tokens on, pasted or granted, or to accept ' +
      'them as they are, in the settings of this runtime.',
  )
}
