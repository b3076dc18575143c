import { ProblemError, type ProviderKind } from '../contract/index.ts'
import { adapterFor } from '../providers/adapters.ts'
import { type ProviderAddress, parseProviderAddress } from '../providers/address.ts'
import { leadsToPrivateAddress, type Outbound } from '../providers/http.ts'
import { ProviderUnavailable } from '../providers/provider.ts'

/** What an administrator says about where a Git host is. */
export interface NewAddress {
  kind: ProviderKind
  base_url: string
  private_address_confirmed?: boolean | undefined
}

/**
 * Reads the address of a Git host, and asks the host whether it is what it is said to be.
 *
 * @returns what is stored of it
 * @throws ProblemError `provider-address-invalid`, `provider-address-private`,
 *   `provider-not-recognized`, `provider-unavailable`
 */
export async function provedAddress(outbound: Outbound, request: NewAddress) {
  const address = parseProviderAddress(request.base_url)
  const confirmed = request.private_address_confirmed === true
  if (!confirmed && (await leadsToPrivateAddress(address.hostname))) {
    throw new ProblemError(
      'provider-address-private',
      `${address.hostname} is this machine or one inside a private network. Confirm that it is ` +
        'meant, or correct the address.',
    )
  }
  await recognize(outbound, request.kind, address, confirmed)
  const { base_url, origin } = address
  return { base_url, origin, private_address_confirmed: confirmed }
}

async function recognize(
  outbound: Outbound,
  kind: ProviderKind,
  address: ProviderAddress,
  private_address_confirmed: boolean,
): Promise<void> {
  const { label, recognize, origins } = adapterFor(kind)
  const { base_url } = address
  const http = outbound.to({ base_url, private_address_confirmed }, origins(base_url))
  try {
    if (await recognize(http)) return
  } catch (error) {
    if (!(error instanceof ProviderUnavailable)) throw error
    if (error.answered) {
      throw new ProblemError(
        'provider-not-recognized',
        `${error.message} Check the address and the kind.`,
        { cause: error },
      )
    }
    throw new ProblemError(
      'provider-unavailable',
      `${error.message} Check that this is the address of ${label}, and try again.`,
      { cause: error },
    )
  }
  throw new ProblemError(
    'provider-not-recognized',
    `${address.base_url} does not answer as ${label} does. Check the address and the kind.`,
  )
}
