import { basic } from './answer.ts'
import { type ProviderHttp, ProviderUnavailable, type RepositoryAccess } from './provider.ts'

/**
 * Asks the host's Git server itself, for tokens whose reach no API tells. Nothing is transferred:
 * both services answer a first request with what they have, or refuse it.
 *
 * @param path of the repository below the base URL, as in its clone address
 * @param also_refused statuses by which this host refuses, beside 401, 403 and 404
 * @see https://git-scm.com/docs/gitprotocol-http#_smart_clients
 */
export async function gitAccess(
  http: ProviderHttp,
  path: string,
  credential: { username: string; password: string },
  also_refused: readonly number[] = [],
): Promise<RepositoryAccess> {
  const read = await offers(http, path, 'git-upload-pack', credential, also_refused)
  const write = read && (await offers(http, path, 'git-receive-pack', credential, also_refused))
  return { visible: read, read, write }
}

/** Whether the host's Git server serves one service of a repository with this credential. */
export async function offers(
  http: ProviderHttp,
  path: string,
  service: 'git-upload-pack' | 'git-receive-pack',
  credential: { username: string; password: string },
  also_refused: readonly number[] = [],
): Promise<boolean> {
  const { status, headers } = await http.request(`${path}/info/refs?service=${service}`, {
    authorization: basic(credential),
    headers: { accept: '*/*', 'user-agent': 'git/2.39.5 (countersign)' },
    without_body: [200, 401, 403, 404, ...also_refused],
  })
  if (status !== 200) return false
  if (headers.get('content-type') === `application/x-${service}-advertisement`) return true
  const { host } = new URL(http.base_url)
  throw new ProviderUnavailable(`${host} did not answer as a Git server does.`, { answered: true })
}
