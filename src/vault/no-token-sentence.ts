import type { TokenEndpointError } from '../oauth/token-endpoint.ts'
import { ProviderUnavailable } from '../providers/provider.ts'

/**
 * A sentence that says why a token endpoint gave nothing, where more is known than that.
 *
 * @param provider name of the Git host
 * @returns with a space before it; empty where there is nothing to add
 */
export function whyNoToken(provider: string, { outcome, cause }: TokenEndpointError): string {
  if (outcome === 'blocked') {
    return (
      ` A policy at ${provider} is in the way, such as one that names places. An administrator ` +
      'there can let the address of the vault in.'
    )
  }
  return cause instanceof ProviderUnavailable ? ` ${cause.message}` : ''
}
