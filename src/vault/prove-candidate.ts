import { notProbed, type ProbeColumns, scopesHidden } from '../authorizations/probe.ts'
import { ProblemError } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { Inspection } from '../providers/provider.ts'
import { inspectToken, type Verdict } from './inspect-token.ts'
import type { PendingCandidate } from './pending-candidate.ts'
import { proveByRepository } from './probe-repository.ts'
import type { RefusedTokens } from './refused-tokens.ts'
import { type ProvedElsewhere, proveElsewhere } from './shared-token.ts'
import type { VaultParts } from './vault-parts.ts'

export type CandidateParts = VaultParts & { refused: RefusedTokens }

/** What the host said of a token that passes, and the repository by which it was proved, if any. */
export interface Passed {
  inspection: Inspection
  probe: ProbeColumns
  /** To which other runtimes a token that hides its scopes was proved. */
  elsewhere: ProvedElsewhere[]
}

/**
 * Asks the host about a token, and holds what it says against what the runtime requires. Returns only
 * for a token that passes.
 *
 * @throws ProblemError
 */
export async function proveCandidate(
  parts: CandidateParts,
  candidate: PendingCandidate,
  token: string,
): Promise<Passed> {
  const adapter = adapterFor(candidate.kind)
  const http = parts.outbound.to(candidate, adapter.origins(candidate.base_url))
  const credential = { method: 'token', token, login: null } as const
  const verdict = await unlessRefusedBefore(parts, candidate, token, () =>
    inspectToken(adapter, http, credential, candidate.owner_kind),
  )
  if (verdict.outcome === 'accepted' && verdict.missing_scopes.length === 0) {
    const { stated_expires_at } = candidate
    const expires_at = verdict.inspection.expires_at ?? stated_expires_at
    if (expires_at !== null && expires_at <= candidate.now) {
      throw new ProblemError('token-expired', 'Make a new token at the Git host and paste it here.')
    }
    const inspection = { ...verdict.inspection, expires_at }
    if (inspection.scopes !== null) return { inspection, probe: notProbed, elsewhere: [] }
    const { probe_repository, provider, skip_validation } = candidate
    if (probe_repository === null && !skip_validation) throw scopesHidden(provider)
    const known = { ...credential, login: inspection.account.login }
    const place = { repository: probe_repository ?? '', provider }
    const probe =
      probe_repository === null ? notProbed : await proveByRepository(adapter, http, known, place)
    const elsewhere = await proveElsewhere(parts.db, adapter, http, known, candidate)
    return { inspection, probe, elsewhere }
  }
  throw verdictProblem(verdict, candidate.provider, adapter.looksLikeToken(token))
}

/** Asks, unless this token was refused a moment ago: then that is still so. */
async function unlessRefusedBefore(
  { keyring, refused }: CandidateParts,
  { provider_id }: PendingCandidate,
  token: string,
  ask: () => Promise<Verdict>,
): Promise<Verdict> {
  const fingerprint = keyring.fingerprint(token)
  if (refused.has(provider_id, fingerprint)) return { outcome: 'refused', why: 'bad_credential' }
  const verdict = await ask()
  const isBad = verdict.outcome === 'refused' && verdict.why === 'bad_credential'
  if (isBad) refused.add(provider_id, fingerprint)
  return verdict
}

function verdictProblem(verdict: Verdict, provider: string, looksRight: boolean): ProblemError {
  if (verdict.outcome === 'unavailable') {
    const { message, retry_after } = verdict.error
    return new ProblemError('provider-unavailable', `${message} Try again in a moment.`, {
      cause: verdict.error,
      extensions: retry_after === undefined ? {} : { retry_after },
    })
  }
  if (verdict.outcome !== 'refused') {
    const { missing_scopes } = verdict
    return new ProblemError(
      'token-scopes-missing',
      `It lacks ${missing_scopes.join(' and ')}. Make a token at ${provider} that has all scopes ` +
        'listed here.',
      { extensions: { missing_scopes } },
    )
  }
  if (verdict.why === 'account_suspended') {
    return new ProblemError(
      'account-suspended',
      `${provider} has suspended the account of this token. Ask its administrators.`,
    )
  }
  if (verdict.why === 'login_missing') {
    return new ProblemError(
      'token-malformed',
      `${provider} wants the account's e-mail address beside it. Paste both together, with a ` +
        'colon between them: you@example.com:TOKEN',
    )
  }
  if (!looksRight) {
    return new ProblemError(
      'token-rejected',
      `${provider} does not know it, and it does not look like a token. If it is your password: ` +
        'passwords are not taken here; make a token instead.',
    )
  }
  return new ProblemError(
    'token-rejected',
    `${provider} does not accept it: it was deleted, has expired, or was not copied whole. ` +
      'Make a new one there.',
  )
}
