import { notProbed, type ProbeColumns, scopesHidden } from '../authorizations/probe.ts'
import { lackingOfAsked } from '../authorizations/requested-scopes.ts'
import { ProblemError } from '../contract/index.ts'
import type { TokenAnswer } from '../oauth/token-endpoint.ts'
import { adapterFor } from '../providers/adapters.ts'
import { type Inspection, missingScopes, type ProviderAdapter } from '../providers/provider.ts'
import type { OwnerKind } from '../store/tables.ts'
import { inspectToken } from './inspect-token.ts'
import type { PendingRequest } from './pending-request.ts'
import { proveByRepository } from './probe-repository.ts'
import type { VaultParts } from './vault-parts.ts'

/** What is known of a grant that passes, and what it was tried on. */
export interface Proof {
  inspection: Inspection
  probe: ProbeColumns
}

/**
 * Looks at the account of a grant and at what it may do: its scopes, as the host shows them or as
 * the token answer said them, or else the repository that an administrator named. A host that is
 * away is asked again later: this throws what is no `ProblemError`, and the queue comes back to it.
 *
 * @throws ProblemError `account-suspended`, `authorization-failed`, `scopes-narrowed`,
 *   `token-scopes-hidden`, those of `proveByRepository`
 */
export async function proveGrant(
  parts: VaultParts,
  request: PendingRequest,
  answer: TokenAnswer,
): Promise<Proof> {
  const adapter = adapterFor(request.kind)
  const inspection = await inspect(parts, adapter, request, answer)
  const lacking = lackingScopes(adapter, request.owner_kind, {
    asked: request.scopes,
    shown: inspection.scopes,
    answered: answer.scopes,
  })
  if (lacking.length > 0) throw narrowed(lacking, request)
  const probe = await proveHidden(parts, adapter, request, answer, inspection)
  return { inspection: { ...inspection, scopes: inspection.scopes ?? answer.scopes }, probe }
}

async function inspect(
  parts: VaultParts,
  adapter: ProviderAdapter,
  request: PendingRequest,
  answer: TokenAnswer,
): Promise<Inspection> {
  const http = parts.outbound.to(request, adapter.origins(request.base_url))
  const credential = { method: 'oauth', token: answer.access_token, login: null } as const
  const verdict = await inspectToken(adapter, http, credential, request.owner_kind)
  if (verdict.outcome === 'unavailable') throw verdict.error
  if (verdict.outcome === 'refused') {
    throw new ProblemError(
      verdict.why === 'account_suspended' ? 'account-suspended' : 'authorization-failed',
      `${request.provider} does not accept what it has granted, or no longer, if that was a while ago. ` +
        'Nothing was changed. Authorize access again, or ask an administrator.',
    )
  }
  if (verdict.outcome !== 'accepted') throw narrowed(verdict.missing_scopes, request)
  return verdict.inspection
}

/**
 * What a grant lacks of what its owner needs, and of what it was asked for. Without a word about
 * the scopes in the token answer it has those that were asked for, RFC 6749 §5.1.
 *
 * @param scopes `shown` by the host for the token, and `answered` by its token endpoint; null: not
 */
export function lackingScopes(
  adapter: Pick<ProviderAdapter, 'required_scopes' | 'hasScope'>,
  owner: OwnerKind,
  scopes: { asked: readonly string[]; shown: string[] | null; answered: string[] | null },
): string[] {
  const { asked, shown, answered } = scopes
  const granted = shown ?? answered
  const needed = granted === null ? [] : missingScopes(adapter, granted, owner)
  if (answered === null) return needed
  const wanted = lackingOfAsked(adapter, asked, [...answered, ...(shown ?? [])])
  return [...new Set([...needed, ...wanted])]
}

/** Tries a grant that does not show its scopes on the repository that an administrator named. */
async function proveHidden(
  parts: VaultParts,
  adapter: ProviderAdapter,
  request: PendingRequest,
  answer: TokenAnswer,
  { scopes, account }: Inspection,
): Promise<ProbeColumns> {
  const { probe_repository: repository, provider } = request
  if (scopes !== null) return notProbed
  if (repository === null) {
    if (answer.scopes === null && !request.skip_validation) throw scopesHidden(provider)
    return notProbed
  }
  const http = parts.outbound.to(request, adapter.origins(request.base_url))
  const credential = { method: 'oauth', token: answer.access_token, login: account.login } as const
  try {
    return await proveByRepository(adapter, http, credential, { repository, provider })
  } catch (error) {
    // The grant is kept: the queue comes back to it when the host does.
    const away = error instanceof ProblemError && error.type === 'provider-unavailable'
    throw away ? error.cause : error
  }
}

function narrowed(missing_scopes: string[], request: PendingRequest): ProblemError {
  return new ProblemError(
    'scopes-narrowed',
    `${request.provider} granted less than this runtime needs: ${missing_scopes.join(' and ')} ` +
      'is missing. Authorize again and leave all permissions chosen.',
    { extensions: { missing_scopes } },
  )
}
