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
 * Forgejo. A refusal names the scope that a call needs, not those that the token has; so each
 * required scope is proved by a call that needs it and changes nothing, and what was proved is
 * what we say of the token.
 *
 * @see https://forgejo.org/docs/latest/user/token-scope/
 * @see https://forgejo.org/docs/latest/user/oauth2-provider/
 */
export const forgejo: ProviderAdapter = {
  kind: 'forgejo',
  label: 'Forgejo',
  ...giteaApi,
  recognize,
  inspect,
}

async function recognize(http: ProviderHttp): Promise<boolean> {
  return (await statedVersion(http))?.includes('+gitea-') ?? false
}

async function inspect(http: ProviderHttp, credential: TokenCredential): Promise<Inspection> {
  const authorization = authorizationOf(credential)
  const user = await http.request('/api/v1/user', { authorization })
  refuseBadCredential(http, user)
  const scopes = await repositoryScopes(http, authorization)
  if (lacksScope(user)) throw new TokenScopesMissing(scopes)
  const account = accountOf(http, 'Forgejo', user)
  return { account, scopes: ['read:user', ...scopes], expires_at: null }
}

/** The write call is a migration from nowhere, turned down after a look at the scopes. */
async function repositoryScopes(http: ProviderHttp, authorization: string): Promise<string[]> {
  const probes = [
    { scope: 'write:repository', path: '/api/v1/repos/migrate', method: 'POST', body: {} },
    { scope: 'read:repository', path: '/api/v1/repos/search?limit=1' },
  ] as const
  for (const { scope, path, ...request } of probes) {
    const answer = await http.request(path, { ...request, authorization })
    refuseBadCredential(http, answer)
    if (!lacksScope(answer)) return [scope]
  }
  return []
}

function lacksScope({ status, body }: ProviderAnswer): boolean {
  return status === 403 && /required scope/.test(textField(body, 'message') ?? '')
}
