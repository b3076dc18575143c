import type { ProviderAnswer, ProviderHttp, ProviderRequest, TokenCredential } from './provider.ts'

/**
 * Where the API is: a host of its own for github.com and for GHE.com, a path on a server.
 *
 * @see https://docs.github.com/en/enterprise-server@latest/rest/quickstart
 * @see https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/network-details-for-ghecom
 */
export function apiOf(base_url: string): string {
  const { protocol, hostname } = new URL(base_url)
  return hostname === 'github.com' || hostname.endsWith('.ghe.com')
    ? `${protocol}//api.${hostname}`
    : `${base_url}/api/v3`
}

/** One call of the REST API, in the version that this adapter is written for. */
export function request(
  http: ProviderHttp,
  credential: TokenCredential | null,
  path: string,
  options: ProviderRequest = {},
): Promise<ProviderAnswer> {
  return http.request(apiOf(http.base_url) + path, {
    ...options,
    ...(credential === null ? {} : { authorization: `Bearer ${credential.token}` }),
    headers: { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' },
  })
}
