import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import { hashSecret } from '../accounts.ts'
import { normalizeScopes } from '../scopes.ts'
import type { Forge, Grant } from '../state.ts'

export type OAuthTokenKind = 'access' | 'refresh'

export interface OAuthToken {
  kind: OAuthTokenKind
  grant: Grant
  /** How many times the grant had been refreshed when this token was made. */
  counter: number
  /** What the token may do at the API, normalised. */
  scope: string
}

interface Claims {
  gnt: number
  tt: 0 | 1
  cnt: number
  exp: number
  jti: string
}

const HEADER = encode({ alg: 'HS256', typ: 'JWT' })
/** Scopes that say something about the person, not about access to the API. */
const IDENTITY_SCOPES = ['openid', 'profile', 'email', 'groups']

/** Issues a token of a grant that ends `lifetime` seconds from now. */
export function issueOAuthToken(
  forge: Forge,
  grant: Grant,
  kind: OAuthTokenKind,
  lifetime: number,
): string {
  const claims: Claims = {
    gnt: grant.id,
    tt: kind === 'access' ? 0 : 1,
    cnt: grant.counter,
    exp: Math.floor(forge.now().getTime() / 1000) + lifetime,
    jti: randomUUID(),
  }
  const text = `${HEADER}.${encode(claims)}`
  return `${text}.${sign(forge, text)}`
}

/**
 * Reads a token that this forge issued and that has not ended; undefined for any other, and
 * 'no-grant' for one whose grant was taken back.
 */
export function readOAuthToken(forge: Forge, token: string): OAuthToken | 'no-grant' | undefined {
  const [header, body, signature, ...rest] = token.split('.')
  if (!header || !body || !signature || rest.length > 0) return undefined
  if (!isEqual(signature, sign(forge, `${header}.${body}`))) return undefined
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Claims
  if (claims.exp * 1000 <= forge.now().getTime()) return undefined
  if (forge.state.ended_tokens.includes(hashSecret(token))) return undefined
  const grant = forge.state.grants.find((one) => one.id === claims.gnt)
  if (!grant) return 'no-grant'
  return {
    kind: claims.tt === 0 ? 'access' : 'refresh',
    grant,
    counter: claims.cnt,
    scope: accessScope(grant.scope),
  }
}

/** Reads an access token that still works. */
export function readAccessToken(forge: Forge, token: string): OAuthToken | undefined {
  const read = readOAuthToken(forge, token)
  return read !== 'no-grant' && read?.kind === 'access' ? read : undefined
}

/**
 * What a grant's scopes allow at the API. None beside the identity scopes, or one that does not
 * exist, means everything: so Gitea has done since 1.22.
 */
export function accessScope(grant_scope: string): string {
  const scopes = grant_scope.split(' ').filter((one) => one && !IDENTITY_SCOPES.includes(one))
  try {
    return normalizeScopes(scopes) || 'all'
  } catch {
    return 'all'
  }
}

function sign(forge: Forge, text: string): string {
  return createHmac('sha256', forge.state.signing_key).update(text).digest('base64url')
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function isEqual(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
}
