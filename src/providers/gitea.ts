import { textField } from './answer.ts'
import {
  accountOf,
  authorizationOf,
  giteaApi,
  refuseBadCredential,
  statedVersion,
} from './gitea-api.ts'
import {
  type Inspection,
  type ProviderAdapter,
  type ProviderAnswer,
  type ProviderHttp,
  type TokenCredential,
  TokenScopesMissing,
} from './provider.ts'

/**
 * Gitea. Tokens neither end nor tell their scopes, except by a refusal: a call that needs a scope
 * which the token lacks is answered 403 with all the scopes that it has. So we make harmless calls
 * until one is refused.
 *
 * @see https://docs.gitea.com/development/api-usage
 * @see https://docs.gitea.com/development/oauth2-provider#scopes
 */
export const gitea: ProviderAdapter = {
  kind: 'gitea',
  label: 'Gitea',
  ...giteaApi,
  recognize,
  inspect,
}

/** Forgejo is turned away: it refuses in other words, so its tokens would all seem to do anything. */
async function recognize(http: ProviderHttp): Promise<boolean> {
  const version = await statedVersion(http)
  return version !== undefined && !version.includes('+gitea-')
}

async function inspect(http: ProviderHttp, credential: TokenCredential): Promise<Inspection> {
  const authorization = authorizationOf(credential)
  const answer = await http.request('/api/v1/user', { authorization })
  refuseBadCredential(http, answer)
  const scopes = scopesFromRefusal(answer)
  if (scopes !== undefined) throw new TokenScopesMissing(scopes)
  const account = accountOf(http, 'Gitea', answer)
  return {
    account,
    scopes: await readScopes(http, authorization, account.login),
    expires_at: null,
  }
}

/**
 * Makes calls that change nothing, each needing another scope, until one is refused for lack of it.
 * The last is a repository without a name, which Gitea turns down after it has looked at the scopes.
 */
async function readScopes(
  http: ProviderHttp,
  authorization: string,
  login: string,
): Promise<string[]> {
  const probes = [
    { path: '/api/v1/notifications?limit=1' },
    { path: `/api/v1/packages/${encodeURIComponent(login)}?limit=1` },
    { path: '/api/v1/admin/cron' },
    { path: '/api/v1/user/repos', method: 'POST', body: {} },
  ] as const
  for (const { path, ...request } of probes) {
    const answer = await http.request(path, { ...request, authorization })
    refuseBadCredential(http, answer)
    const scopes = scopesFromRefusal(answer)
    if (scopes !== undefined) return scopes
  }
  return ['all']
}

/** The token's scopes, from the sentence with which Gitea refuses a call that needs another one. */
function scopesFromRefusal({ status, body }: ProviderAnswer): string[] | undefined {
  if (status !== 403) return undefined
  const scopes = /token scope=(.*)$/.exec(textField(body, 'message') ?? '')?.[1]
  return scopes?.split(',').filter((scope) => scope !== '')
}
