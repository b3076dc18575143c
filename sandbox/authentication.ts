import type { IncomingMessage } from 'node:http'
import { accountById, accountByPassword, takeAccessToken } from './accounts.ts'
import { readAccessToken } from './oauth/oauth-token.ts'
import type { Account, Forge } from './state.ts'

export interface Caller {
  account: Account
  /** How the secret arrived. */
  header: 'basic' | 'bearer'
  /** What the caller's token may do; undefined when nothing limits the caller. */
  scope: string | undefined
  /** The last eight characters of an access token, by which people tell tokens apart. */
  token_last_eight: string | undefined
}

interface Credential {
  header: 'basic' | 'bearer'
  user_name: string
  secret: string
}

/**
 * Finds out who calls, the way Gitea does: `Authorization: token X` or `Bearer X`, or Basic with
 * the token as password (any user name) or as user name, or with the account's real password. A
 * header that cannot be read counts as none.
 *
 * Two of Gitea's habits are kept on purpose. An OAuth token that arrives by Basic is not limited
 * by its scopes. A suspended account is `refused` by password, but known by token: what then
 * happens is the caller's to say, because API and Git answer differently.
 */
export async function authenticate(
  forge: Forge,
  request: IncomingMessage,
): Promise<Caller | 'anonymous' | 'refused'> {
  const credential = parseAuthorization(request.headers.authorization)
  if (!credential) return 'anonymous'
  return (await callerByToken(forge, credential)) ?? callerByPassword(forge, credential)
}

async function callerByToken(forge: Forge, credential: Credential): Promise<Caller | undefined> {
  const { header, secret } = credential
  if (secret.includes('.')) {
    const token = readAccessToken(forge, secret)
    const account = token && accountById(forge, token.grant.account_id)
    if (token && account) {
      const scope = header === 'bearer' ? token.scope : undefined
      return { account, header, scope, token_last_eight: undefined }
    }
  }
  const token = takeAccessToken(forge, secret)
  const account = token && accountById(forge, token.account_id)
  if (!token || !account) return undefined
  return { account, header, scope: token.scope, token_last_eight: token.token_last_eight }
}

async function callerByPassword(
  forge: Forge,
  { header, user_name, secret }: Credential,
): Promise<Caller | 'refused'> {
  if (header === 'bearer') return 'refused'
  const account = await accountByPassword(forge, user_name, secret)
  if (!account || account.prohibit_login) return 'refused'
  return { account, header, scope: undefined, token_last_eight: undefined }
}

function parseAuthorization(header: string | undefined): Credential | undefined {
  const [scheme, value, ...rest] = (header ?? '').trim().split(/\s+/)
  if (!scheme || !value || rest.length > 0) return undefined
  if (/^(token|bearer)$/i.test(scheme)) return { header: 'bearer', user_name: '', secret: value }
  if (!/^basic$/i.test(scheme)) return undefined
  const pair = Buffer.from(value, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  if (colon < 0) return undefined
  const [user_name, password] = [pair.slice(0, colon), pair.slice(colon + 1)]
  const token_is_user_name = password === '' || password === 'x-oauth-basic'
  return { header: 'basic', user_name, secret: token_is_user_name ? user_name : password }
}
