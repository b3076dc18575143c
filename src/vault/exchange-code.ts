import { codeAddress } from '../authorizations/complete-authorization.ts'
import { ProblemError } from '../contract/index.ts'
import { exchangeCode, type TokenAnswer, TokenEndpointError } from '../oauth/token-endpoint.ts'
import { adapterFor } from '../providers/adapters.ts'
import { BoxError } from '../seal/box-error.ts'
import { endpointOf, inTurn } from './client-endpoint.ts'
import { whyNoToken } from './no-token-sentence.ts'
import type { PendingRequest } from './pending-request.ts'
import type { ProviderLimits } from './provider-limits.ts'
import type { VaultParts } from './vault-parts.ts'

export type FinishParts = VaultParts & {
  limits: ProviderLimits
  /** Aborts when the vault is to end: a database that is away is waited for no longer. */
  closing: AbortSignal
}

/** Where a PKCE verifier is sealed to; `owner_id` is whose the token becomes. */
export function verifierAddress(request: { id: string; owner_id: string; provider_id: string }) {
  const { id, owner_id, provider_id } = request
  return { purpose: 'code_verifier', row_id: id, owner_id, provider_id } as const
}

/**
 * Exchanges the code of a request, as its client, when it is our turn at the provider.
 *
 * @throws ProblemError `client-misconfigured`, `authorization-failed`, `box-not-authentic`
 */
export async function exchangeRequest(
  parts: FinishParts,
  request: PendingRequest,
): Promise<TokenAnswer> {
  const { keyring, outbound } = parts
  const { code_box, code_verifier_box, redirect_uri } = request
  const adapter = adapterFor(request.kind)
  const http = outbound.to(request, adapter.origins(request.base_url))
  let asked = false
  try {
    const [code, code_verifier, endpoint] = await Promise.all([
      keyring.open(codeAddress(request), code_box ?? ''),
      keyring.open(verifierAddress(request), code_verifier_box ?? ''),
      endpointOf(keyring, request, http.fetch),
    ])
    return await inTurn(parts.limits, request, async () => {
      asked = true
      return await exchangeCode(endpoint, { code, redirect_uri, code_verifier })
    })
  } catch (error) {
    if (error instanceof BoxError) {
      throw new ProblemError('box-not-authentic', 'Reload the page and begin again.', {
        cause: error,
      })
    }
    if (!(error instanceof TokenEndpointError)) throw error
    // A code does not live as long as a host may want to be left alone.
    throw asked ? exchangeProblem(error, request.provider) : notNow(error, request.provider)
  }
}

function notNow(cause: TokenEndpointError, provider: string): ProblemError {
  const sentence = `${provider} asks us to wait before we ask again. Nothing was changed; try again later.`
  return new ProblemError('authorization-failed', sentence, { cause })
}

function exchangeProblem(error: TokenEndpointError, provider: string): ProblemError {
  if (error.outcome === 'misconfigured') {
    return new ProblemError(
      'client-misconfigured',
      `${provider} does not accept our OAuth app. Ask an administrator to check its id, secret ` +
        'and callback address. Nothing was changed.',
      { cause: error },
    )
  }
  const sentence =
    error.outcome === 'permanent'
      ? `${provider} no longer accepts this authorization: it was used already or took too long.`
      : `${provider} could not complete the authorization.${whyNoToken(provider, error)}`
  const way = error.outcome === 'blocked' ? '' : '; try again'
  return new ProblemError('authorization-failed', `${sentence} Nothing was changed${way}.`, {
    cause: error,
  })
}
