import { isIP } from 'node:net'

/**
 * The network by which attempts from an address are counted. With IPv6 one customer has at least a
 * /64, and so any number of addresses, RFC 6177 §2.
 *
 * @returns the address itself for IPv4, also where it is written as IPv6, and for what is no address
 */
export function networkOf(ip: string): string {
  if (isIP(ip) !== 6) return ip
  const [address = ''] = ip.toLowerCase().split('%')
  const ipv4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  if (ipv4 !== undefined) return ipv4
  const [before = [], after] = address.split('::').map((part) => part.split(':').filter(Boolean))
  const groups = [...before]
  if (after !== undefined) {
    // An IPv4 address at the end stands for two groups.
    const written = [...before, ...after].reduce((sum, group) => sum + (isIP(group) ? 2 : 1), 0)
    groups.push(...Array(8 - written).fill('0'), ...after)
  }
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
