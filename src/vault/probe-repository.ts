import { type ProbeColumns, probeSentence } from '../authorizations/probe.ts'
import { ProblemError } from '../contract/index.ts'
import { repositoryNamed } from '../providers/clone-path.ts'
import {
  type ProviderAdapter,
  type ProviderHttp,
  ProviderUnavailable,
  type RepositoryName,
  type TokenCredential,
  TokenRefused,
} from '../providers/provider.ts'
import type { ProbeOutcome } from '../store/tables.ts'
import { onSecondThoughts } from './second-thoughts.ts'

/** What came of trying a token on a repository. */
export type Probe =
  | { outcome: ProbeOutcome }
  | { outcome: 'sign_on_required'; page: string }
  /** Nothing was learned about the token. */
  | { outcome: 'unavailable'; error: ProviderUnavailable }

/**
 * Asks the Git host whether a token may read and write a repository, for tokens that do not show
 * what they may do. That it may not even read is believed when it stands for a second. Nothing is
 * changed there.
 *
 * @param repository as an administrator named it, e.g. `acme/app`
 */
export async function probeRepository(
  adapter: ProviderAdapter,
  http: ProviderHttp,
  credential: TokenCredential,
  repository: string,
): Promise<Probe> {
  const named = repositoryNamed(repository.split('/'))
  if (named === undefined) return { outcome: 'not_visible' }
  return await onSecondThoughts(
    () => probeOnce(adapter, http, credential, named),
    ({ outcome }) => outcome === 'not_visible' || outcome === 'unreadable',
  )
}

async function probeOnce(
  adapter: ProviderAdapter,
  http: ProviderHttp,
  credential: TokenCredential,
  repository: RepositoryName,
): Promise<Probe> {
  try {
    const access = await adapter.repositoryAccess(http, credential, repository)
    if (access.sso_url !== undefined) return { outcome: 'sign_on_required', page: access.sso_url }
    if (access.read) return { outcome: access.write ? 'proved' : 'read_only' }
    return { outcome: access.visible ? 'unreadable' : 'not_visible' }
  } catch (error) {
    if (error instanceof ProviderUnavailable) return { outcome: 'unavailable', error }
    if (!(error instanceof TokenRefused)) throw error
    // It was accepted a moment ago: what holds now, the next check finds out.
    const { host } = new URL(http.base_url)
    const sentence = `${host} accepted the token and then did not.`
    return { outcome: 'unavailable', error: new ProviderUnavailable(sentence, { cause: error }) }
  }
}

/**
 * The columns of an authorization whose token a repository has proved.
 *
 * @throws ProblemError `token-probe-failed`, `sign-on-required`, `provider-unavailable`
 */
export async function proveByRepository(
  adapter: ProviderAdapter,
  http: ProviderHttp,
  credential: TokenCredential,
  { repository, provider }: { repository: string; provider: string },
): Promise<ProbeColumns> {
  const probe = await probeRepository(adapter, http, credential, repository)
  if (probe.outcome === 'proved') {
    return { probed_repository: repository, probe_outcome: 'proved' }
  }
  if (probe.outcome === 'unavailable') {
    const { message, retry_after } = probe.error
    throw new ProblemError('provider-unavailable', `${message} Try again in a moment.`, {
      cause: probe.error,
      extensions: retry_after === undefined ? {} : { retry_after },
    })
  }
  if (probe.outcome === 'sign_on_required') {
    const { page } = probe
    throw new ProblemError(
      'sign-on-required',
      `${signOnSentence(provider, repository, page)}, then try again.`,
      { extensions: { page } },
    )
  }
  throw new ProblemError(
    'token-probe-failed',
    `${probeSentence(repository, probe.outcome)} It was tried on that repository because ` +
      `${provider} does not show what this kind of token may do. Let it read and write there.`,
  )
}

/** What is said while single sign-on is in the way. */
export function signOnSentence(provider: string, repository: string, page: string): string {
  return (
    `${provider} wants you to pass your organization's single sign-on before this token reaches ` +
    `${repository}. Do so at ${page}`
  )
}
