import { createHash } from 'node:crypto'
import { hashSecret } from '../accounts.ts'
import { type Exchange, type Route, readBody, sendJson } from '../http.ts'
import type { Application, AuthorizationCode, Forge, Grant } from '../state.ts'
import { isRegisteredUri } from './authorize.ts'
import { issueOAuthToken, readOAuthToken } from './oauth-token.ts'

const ACCESS_LIFETIME = 3600
const REFRESH_LIFETIME = 730 * 3600

/** An error of the token endpoint: with Gitea always status 400 (RFC 6749, 5.2). */
class TokenError extends Error {
  readonly error: string

  constructor(error: string, description: string) {
    super(description)
    this.error = error
  }
}

/**
 * The token endpoint. Refresh tokens rotate as on a Gitea with `INVALIDATE_REFRESH_TOKENS=true`,
 * unless the control port says otherwise, and PKCE is always checked.
 */
export function tokenRoutes(forge: Forge): Route[] {
  return [
    {
      method: 'POST',
      pattern: '/login/oauth/access_token',
      async handle(exchange) {
        try {
          const fields = withClientHeader(exchange, await readFields(exchange))
          const grant = redeem(forge, fields)
          grant.counter += 1
          forge.changed()
          // Who uses a rotated token must find it again after a restart.
          await forge.flush()
          sendJson(exchange.response, 200, {
            access_token: issueOAuthToken(forge, grant, 'access', ACCESS_LIFETIME),
            token_type: 'bearer',
            expires_in: ACCESS_LIFETIME,
            refresh_token: issueOAuthToken(forge, grant, 'refresh', REFRESH_LIFETIME),
          })
        } catch (error) {
          if (!(error instanceof TokenError)) throw error
          const { message: error_description } = error
          sendJson(exchange.response, 400, { error: error.error, error_description })
        }
      },
    },
  ]
}

/** The application with this secret, or undefined. */
export function applicationBySecret(
  forge: Forge,
  client_id: string,
  client_secret: string,
): Application | undefined {
  const application = forge.state.applications.find((one) => one.client_id === client_id)
  return application?.client_secret_hash === hashSecret(client_secret) ? application : undefined
}

function redeem(forge: Forge, fields: URLSearchParams): Grant {
  switch (fields.get('grant_type')) {
    case 'refresh_token':
      return redeemRefreshToken(forge, fields)
    case 'authorization_code':
      return redeemCode(forge, fields)
    default:
      throw new TokenError(
        'unsupported_grant_type',
        'Only refresh_token or authorization_code grant type is supported',
      )
  }
}

function redeemRefreshToken(forge: Forge, fields: URLSearchParams): Grant {
  const application = clientOf(forge, fields, 'invalid_client', '"')
  const token = readOAuthToken(forge, fields.get('refresh_token') ?? '')
  if (token === 'no-grant') throw new TokenError('invalid_grant', 'grant does not exist')
  if (token?.kind !== 'refresh' || token.grant.application_id !== application.id) {
    throw new TokenError('unauthorized_client', 'unable to parse refresh token')
  }
  if (forge.settings.invalidate_refresh_tokens && token.counter !== token.grant.counter) {
    throw new TokenError('unauthorized_client', 'token was already used')
  }
  return token.grant
}

function redeemCode(forge: Forge, fields: URLSearchParams): Grant {
  const application = clientOf(forge, fields, 'unauthorized_client', "'")
  const redirect_uri = fields.get('redirect_uri')
  if (redirect_uri && !isRegisteredUri(application, redirect_uri)) {
    throw new TokenError('unauthorized_client', 'unexpected redirect URI')
  }
  const code_hash = hashSecret(fields.get('code') ?? '')
  const code = forge.state.authorization_codes.find((one) => one.code_hash === code_hash)
  const grant = code && forge.state.grants.find((one) => one.id === code.grant_id)
  if (!code || !grant || code.expires_at <= forge.now().toISOString()) {
    throw new TokenError('unauthorized_client', 'client is not authorized')
  }
  if (!isVerifierOf(code, fields.get('code_verifier') ?? '')) {
    throw new TokenError('unauthorized_client', 'failed PKCE code challenge')
  }
  if (grant.application_id !== application.id) {
    throw new TokenError('invalid_grant', 'invalid grant')
  }
  forge.state.authorization_codes = forge.state.authorization_codes.filter((one) => one !== code)
  return grant
}

/** Authenticates the client. Gitea's two grant types differ in error and in quotation marks. */
function clientOf(
  forge: Forge,
  fields: URLSearchParams,
  bad_secret_error: string,
  quote: string,
): Application {
  const client_id = fields.get('client_id') ?? ''
  const client_secret = fields.get('client_secret') ?? ''
  const application = forge.state.applications.find((one) => one.client_id === client_id)
  if (!application) {
    const description = `cannot load client with client id: ${quote}${client_id}${quote}`
    throw new TokenError('invalid_client', description)
  }
  const known = applicationBySecret(forge, client_id, client_secret)
  if (application.confidential_client && !known) {
    const description = client_secret ? 'invalid client secret' : 'invalid empty client secret'
    throw new TokenError(bad_secret_error, description)
  }
  return application
}

/** @see https://www.rfc-editor.org/rfc/rfc7636#section-4.6 */
function isVerifierOf(code: AuthorizationCode, code_verifier: string): boolean {
  switch (code.code_challenge_method) {
    case 'S256':
      return createHash('sha256').update(code_verifier).digest('base64url') === code.code_challenge
    case 'plain':
      return code_verifier === code.code_challenge
    default:
      return true
  }
}

async function readFields({ request }: Exchange): Promise<URLSearchParams> {
  const body = await readBody(request)
  if (!request.headers['content-type']?.startsWith('application/json')) {
    return new URLSearchParams(body)
  }
  return new URLSearchParams(JSON.parse(body) as Record<string, string>)
}

/** Fills in the client from an `Authorization: Basic` header; the body must not contradict it. */
function withClientHeader({ request }: Exchange, fields: URLSearchParams): URLSearchParams {
  const header = request.headers.authorization
  if (!header || (fields.get('client_id') && fields.get('client_secret'))) return fields
  const [scheme = '', value = ''] = header.split(' ')
  const pair = Buffer.from(value, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  if (!/^basic$/i.test(scheme) || colon < 0) {
    throw new TokenError('invalid_request', 'cannot parse basic auth header')
  }
  const client = { client_id: pair.slice(0, colon), client_secret: pair.slice(colon + 1) }
  for (const [name, said] of Object.entries(client)) {
    if (fields.get(name) && fields.get(name) !== said) {
      const description = `${name} in request body inconsistent with Authorization header`
      throw new TokenError('invalid_request', description)
    }
    fields.set(name, said)
  }
  return fields
}
