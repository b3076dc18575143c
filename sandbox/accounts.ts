import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { normalizeScopes } from './scopes.ts'
import { type AccessToken, type Account, type Forge, nextId } from './state.ts'

const deriveKey = promisify<string, Buffer, number, Buffer>(scrypt)

export interface NewAccount {
  login: string
  password: string
  full_name: string
  email: string
}

/** Creates an account. The caller made sure that the login is free. */
export async function createAccount(forge: Forge, account: NewAccount): Promise<Account> {
  const created: Account = {
    id: nextId(forge.state),
    login: account.login,
    password_hash: await hashPassword(account.password),
    full_name: account.full_name,
    email: account.email,
    is_admin: false,
    prohibit_login: false,
    created_at: forge.now().toISOString(),
  }
  forge.state.accounts.push(created)
  forge.changed()
  return created
}

/** Finds an account by its login, whatever the case. */
export function findAccount(forge: Forge, login: string): Account | undefined {
  const wanted = login.toLowerCase()
  return forge.state.accounts.find((account) => account.login.toLowerCase() === wanted)
}

export function accountById(forge: Forge, id: number): Account | undefined {
  return forge.state.accounts.find((account) => account.id === id)
}

/** The account with this login (or e-mail address) and password, suspended ones included. */
export async function accountByPassword(
  forge: Forge,
  name: string,
  password: string,
): Promise<Account | undefined> {
  const account = name.includes('@')
    ? forge.state.accounts.find((one) => one.email.toLowerCase() === name.toLowerCase())
    : findAccount(forge, name)
  if (!account || !(await isPassword(password, account.password_hash))) return undefined
  return account
}

/**
 * Issues an access token. `sha1` is the token itself: it is not stored and cannot be shown again.
 * @throws InvalidScopeError for a scope that Gitea does not know
 */
export function createAccessToken(
  forge: Forge,
  account: Account,
  name: string,
  scopes: readonly string[],
): { token: AccessToken; sha1: string } {
  const sha1 = randomBytes(20).toString('hex')
  const now = forge.now().toISOString()
  const token: AccessToken = {
    id: nextId(forge.state),
    account_id: account.id,
    name,
    token_hash: hashSecret(sha1),
    token_last_eight: sha1.slice(-8),
    scope: normalizeScopes(scopes),
    created_at: now,
    updated_at: now,
    expires_at: null,
  }
  forge.state.access_tokens.push(token)
  forge.changed()
  return { token, sha1 }
}

/** The access token with this value that has not ended, marked as used now. */
export function takeAccessToken(forge: Forge, sha1: string): AccessToken | undefined {
  const token_hash = hashSecret(sha1)
  const now = forge.now().toISOString()
  const token = forge.state.access_tokens.find((one) => one.token_hash === token_hash)
  if (!token || (token.expires_at !== null && token.expires_at <= now)) return undefined
  token.updated_at = now
  forge.changed()
  return token
}

export function deleteAccessToken(forge: Forge, id: number): void {
  forge.state.access_tokens = forge.state.access_tokens.filter((token) => token.id !== id)
  forge.changed()
}

/** The form in which random secrets are stored: they need no salt. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  return `${salt.toString('hex')}:${(await deriveKey(password, salt, 32)).toString('hex')}`
}

async function isPassword(password: string, password_hash: string): Promise<boolean> {
  const [salt = '', key = ''] = password_hash.split(':')
  return timingSafeEqual(
    await deriveKey(password, Buffer.from(salt, 'hex'), 32),
    Buffer.from(key, 'hex'),
  )
}
