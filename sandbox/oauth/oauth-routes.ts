import { accountById } from '../accounts.ts'
import { authenticate } from '../authentication.ts'
import { avatarHash } from '../avatar.ts'
import { type Exchange, type Route, readForm, sendJson, sendText } from '../http.ts'
import type { Forge } from '../state.ts'
import { authorizeRoutes } from './authorize.ts'
import { readAccessToken } from './oauth-token.ts'
import { applicationBySecret, tokenRoutes } from './token-endpoint.ts'

/** The forge as an OAuth2 provider, the way Gitea is one. It issues no ID tokens. */
export function oauthRoutes(forge: Forge): Route[] {
  return [
    {
      method: 'GET',
      pattern: '/.well-known/openid-configuration',
      handle: ({ response }) => sendJson(response, 200, metadata(forge)),
    },
    {
      method: 'GET',
      pattern: '/login/oauth/userinfo',
      handle: (exchange) => sendUserInfo(forge, exchange),
    },
    {
      method: 'POST',
      pattern: '/login/oauth/introspect',
      handle: (exchange) => introspect(forge, exchange),
    },
    ...authorizeRoutes(forge),
    ...tokenRoutes(forge),
  ]
}

/** @see https://www.rfc-editor.org/rfc/rfc8414#section-3 */
function metadata(forge: Forge) {
  return {
    issuer: forge.url,
    authorization_endpoint: `${forge.url}/login/oauth/authorize`,
    token_endpoint: `${forge.url}/login/oauth/access_token`,
    userinfo_endpoint: `${forge.url}/login/oauth/userinfo`,
    introspection_endpoint: `${forge.url}/login/oauth/introspect`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    scopes_supported: ['openid', 'profile', 'email', 'groups'],
    code_challenge_methods_supported: ['plain', 'S256'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
  }
}

async function sendUserInfo(forge: Forge, { request, response }: Exchange): Promise<void> {
  const caller = await authenticate(forge, request)
  if (caller === 'refused') return sendText(response, 401, 'Failed to authenticate user\n')
  if (caller === 'anonymous' || caller.header !== 'bearer') {
    return sendText(response, 401, 'no valid authorization', {
      'www-authenticate': 'Bearer realm="Gitea OAuth2"',
    })
  }
  const { account } = caller
  sendJson(response, 200, {
    sub: String(account.id),
    name: account.full_name || account.login,
    preferred_username: account.login,
    email: account.email,
    picture: `${forge.url}/avatars/${avatarHash(account.email)}`,
    groups: null,
  })
}

/**
 * Token introspection (RFC 7662). Gitea takes the `token` field for the caller's own credential
 * first, so a dead token is answered with 401 and not with `active: false`.
 */
async function introspect(forge: Forge, { request, response }: Exchange): Promise<void> {
  const form = await readForm(request)
  const token = readAccessToken(forge, form.get('token') ?? '')
  if (!token) return sendText(response, 401, 'Failed to authenticate user\n')
  const pair = Buffer.from(request.headers.authorization?.split(' ')[1] ?? '', 'base64').toString()
  const colon = pair.indexOf(':')
  if (!applicationBySecret(forge, pair.slice(0, colon), pair.slice(colon + 1))) {
    return sendText(response, 401, 'no valid authorization', {
      'www-authenticate': 'Basic realm="Gitea OAuth2"',
    })
  }
  const application = forge.state.applications.find((one) => one.id === token.grant.application_id)
  sendJson(response, 200, {
    active: true,
    scope: token.grant.scope,
    username: accountById(forge, token.grant.account_id)?.login,
    iss: forge.url,
    sub: String(token.grant.account_id),
    aud: [application?.client_id],
  })
}
