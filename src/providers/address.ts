import { BlockList, isIP } from 'node:net'
import { ProblemError } from '../contract/index.ts'

/**
 * Addresses that are not on the public Internet: this machine, its neighbours, private networks.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry/
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry/
 */
const privateAddresses = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  privateAddresses.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['::ffff:0:0:0', 96],
  ['2001::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  privateAddresses.addSubnet(network, prefix, 'ipv6')
}

/** True for an IP address that only means something inside a network. IPv4-mapped IPv6 included. */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 0) return false
  return privateAddresses.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/** The address of a Git host in the one form we store. */
export interface ProviderAddress {
  /** Scheme, host, port if any, path if any; no trailing slash. */
  base_url: string
  /** Scheme, host and port: what Git asks a credential for. */
  origin: string
  /** Host name or IP address, without brackets. */
  hostname: string
}

/**
 * Reads what an administrator typed as the address of a Git host.
 *
 * @throws ProblemError `provider-address-invalid`
 */
export function parseProviderAddress(text: string): ProviderAddress {
  const trimmed = text.trim()
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`)
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    throw invalid('Write it as https://git.example.com, as it stands in the browser.')
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid('Leave out the user name and password.')
  }
  if (url.search !== '' || url.hash !== '') {
    throw invalid('Leave out everything from ? or # on.')
  }
  return {
    base_url: url.origin + url.pathname.replace(/\/+$/, ''),
    origin: url.origin,
    hostname: hostnameOf(url),
  }
}

/** The host name or IP address in an address, without brackets. */
export function hostnameOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

function invalid(detail: string): ProblemError {
  return new ProblemError('provider-address-invalid', detail)
}
