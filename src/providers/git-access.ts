import { basic } from './answer.ts'
import { type ProviderHttp, ProviderUnavailable, type RepositoryAccess } from './provider.ts'

/** How a host's Git server refuses, where it does so in ways of its own. */
export interface GitRefusals {
  /** Statuses beside 401, 403 and 404. */
  statuses?: readonly number[]
  /** It refuses with pages, too; elsewhere such a page comes from something that stands before it. */
  pages?: boolean
  /**
   * How errors of Git's begin, which come with status 200, when they mean that there is no such
   * repository for this account. Others say nothing about it: that the host is busy, for one.
   */
  errors?: readonly string[]
  /** What those others mean, as our own sentence after the host's name, by how they begin. */
  troubles?: Readonly<Record<string, string>>
  /** The page for it, when the sentence of a refusal is about single sign-on. */
  signOnPage?: (sentence: string) => string | undefined
}

/**
 * Asks the host's Git server itself, which alone knows what Git will be allowed. Nothing is
 * transferred: both services answer a first request with what they have, or refuse it. Writing is
 * asked about only where there is something to read: a host may make a repository that is missing.
 *
 * @param path of the repository below the base URL, as in its clone address
 * @see https://git-scm.com/docs/gitprotocol-http#_smart_clients
 */
export async function gitAccess(
  http: ProviderHttp,
  path: string,
  credential: { username: string; password: string },
  refusals: GitRefusals = {},
): Promise<RepositoryAccess> {
  const ask = (service: GitService) => askGit(http, path, service, credential, refusals)
  const { offered: read, sentence } = await ask('git-upload-pack')
  const sso_url = read ? undefined : refusals.signOnPage?.(sentence)
  const write = read && (await ask('git-receive-pack')).offered
  return { visible: read, read, write, ...(sso_url !== undefined && { sso_url }) }
}

/** Whether the host's Git server serves one service of a repository with this credential. */
export async function offers(
  http: ProviderHttp,
  path: string,
  service: GitService,
  credential: { username: string; password: string },
): Promise<boolean> {
  return (await askGit(http, path, service, credential)).offered
}

type GitService = 'git-upload-pack' | 'git-receive-pack'

/** @returns `sentence` of a refusal; empty where the host says none */
async function askGit(
  http: ProviderHttp,
  path: string,
  service: GitService,
  credential: { username: string; password: string },
  { statuses = [], pages = false, errors = [], troubles = {} }: GitRefusals = {},
): Promise<{ offered: boolean; sentence: string }> {
  const { status, headers, body } = await http.request(`${path}/info/refs?service=${service}`, {
    authorization: basic(credential),
    headers: { accept: '*/*', 'user-agent': 'git/2.39.5 (countersign)' },
    without_body: [200, 401, 403, 404, ...statuses],
  })
  const type = headers.get('content-type') ?? ''
  const text = typeof body === 'string' ? body : ''
  if (status !== 200 && (pages || !/^text\/html\b/i.test(type))) {
    return { offered: false, sentence: text }
  }
  const { host } = new URL(http.base_url)
  if (status === 200 && type === `application/x-${service}-advertisement`) {
    const sentence = errorIn(text)
    if (sentence === undefined) return { offered: true, sentence: '' }
    if (errors.some((error) => sentence.startsWith(error))) return { offered: false, sentence }
    const known = Object.keys(troubles).find((error) => sentence.startsWith(error))
    const trouble = troubles[known ?? ''] ?? 'could not serve Git.'
    throw new ProviderUnavailable(`${host} ${trouble}`, { answered: true })
  }
  throw new ProviderUnavailable(`${host} did not answer as a Git server does.`, { answered: true })
}

/**
 * What Git prints as a remote error, if that is there instead of what a service has to offer.
 *
 * @see https://git-scm.com/docs/gitprotocol-pack#_pkt_line_format `error-line`
 */
function errorIn(advertisement: string): string | undefined {
  const first = /^(?:[\da-f]{4}# service=\S+\s?0000)?[\da-f]{4}ERR ([\s\S]*)/i.exec(advertisement)
  return first?.[1]
}
