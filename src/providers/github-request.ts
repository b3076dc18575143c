import { textField } from './answer.ts'
import {
  type ProviderAnswer,
  type ProviderHttp,
  type ProviderRequest,
  ProviderUnavailable,
  type TokenCredential,
} from './provider.ts'

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
export async function request(
  http: ProviderHttp,
  credential: TokenCredential | null,
  path: string,
  options: ProviderRequest = {},
): Promise<ProviderAnswer> {
  const answer = await http.request(apiOf(http.base_url) + path, {
    ...options,
    ...(credential === null ? {} : { authorization: `Bearer ${credential.token}` }),
    headers: { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' },
  })
  refuseWhatSaysNothing(http, answer)
  return answer
}

/** Seconds to wait where a limit of GitHub's that is not the hourly one does not say how long. */
const SECONDARY_LIMIT_SECONDS = 60

/**
 * 403 that is not about the token: a secondary limit, which may come without any header that says
 * so; too many bad tokens before this one; and an organization that lets only known addresses in.
 *
 * @see https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api#rate-limit-errors
 * @see https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api#failed-login-limit
 */
function refuseWhatSaysNothing(http: ProviderHttp, { status, body }: ProviderAnswer): void {
  if (status !== 403) return
  const message = textField(body, 'message') ?? ''
  const { host } = new URL(http.base_url)
  if (/\brate limit\b|abuse detection|login attempts exceeded/i.test(message)) {
    throw new ProviderUnavailable(`${host} asks us to wait before asking again.`, {
      retry_after: SECONDARY_LIMIT_SECONDS,
    })
  }
  if (/\bIP allow list\b/i.test(message)) {
    throw new ProviderUnavailable(
      `${host} answers only to addresses that the organization allows, and ours is not one of them.`,
    )
  }
}
