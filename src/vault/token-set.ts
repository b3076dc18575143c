import type { TokenAnswer } from '../oauth/token-endpoint.ts'
import type { Inspection } from '../providers/provider.ts'
import type { BoxAddress } from '../seal/box.ts'
import { BoxError } from '../seal/box-error.ts'
import type { Keyring } from './keyring.ts'

/** What the box of a connection holds. A pasted token is an access token and nothing else. */
export interface TokenSet {
  access_token: string
  refresh_token: string | null
}

/** Where a token set is sealed to: its row, a connection or what comes before and after one. */
export function tokenSetAddress({
  id: row_id,
  owner_id,
  provider_id,
}: {
  id: string
  owner_id: string
  provider_id: string
}): BoxAddress {
  return { purpose: 'token_set', row_id, owner_id, provider_id }
}

/** The text that is sealed. */
export function tokenSetText({ access_token, refresh_token }: TokenSet): string {
  return JSON.stringify({ access_token, refresh_token })
}

/** Reads what `tokenSetText` wrote. */
export function readTokenSet(text: string): TokenSet {
  const { access_token, refresh_token } = JSON.parse(text) as TokenSet
  return { access_token, refresh_token }
}

/** What the box of a row holds. @throws BoxError */
export async function openTokenSet(
  keyring: Keyring,
  row: Parameters<typeof tokenSetAddress>[0] & { box: string },
): Promise<TokenSet> {
  return readTokenSet(await keyring.open(tokenSetAddress(row), row.box))
}

/** The same; undefined when the box does not open: nobody can say any more what was in it. */
export async function tokensIn(
  ...[keyring, row]: Parameters<typeof openTokenSet>
): Promise<TokenSet | undefined> {
  try {
    return await openTokenSet(keyring, row)
  } catch (error) {
    if (error instanceof BoxError) return undefined
    throw error
  }
}

/** When what a token endpoint granted ends, and when to refresh it. */
export interface Lifetime {
  access_issued_at: Date
  access_expires_at: Date | null
  /** When nothing more can be done with the token set. */
  expires_at: Date | null
  refresh_due_at: Date | null
}

/**
 * Seconds until the end that a host has just named, for a token answer that did not say it.
 *
 * @param now by the database's clock
 */
export function secondsLeft(
  { expires_at, expires_in }: Pick<Inspection, 'expires_at' | 'expires_in'>,
  now: Date,
): number | null {
  if (expires_in !== undefined) return expires_in
  return expires_at === null ? null : Math.max(0, expires_at.getTime() - now.getTime()) / 1000
}

/** A refresh begins this long before the end at the latest, or, of a long life, this share of it … */
const LEAD_MS = 10 * 60_000
const LEAD_SHARE = 1 / 8
/** … but never with more of the lifetime left than this. */
const MOST_LEAD_SHARE = 1 / 4

/**
 * Works out the times of a new token set, which count from `asked_at`: a little early, and by one
 * clock for all. Refreshes are spread over some time before they are
 * needed, so that tokens that were granted together are not refreshed together.
 *
 * @param random from 0 to 1
 */
export function lifetimeOf(
  answer: Pick<TokenAnswer, 'refresh_token' | 'expires_in' | 'refresh_token_expires_in'>,
  asked_at: Date,
  random: number,
): Lifetime {
  const { expires_in, refresh_token, refresh_token_expires_in } = answer
  const later = (seconds: number | null) =>
    seconds === null ? null : new Date(asked_at.getTime() + seconds * 1000)
  const access_expires_at = later(expires_in)
  const access = { access_issued_at: asked_at, access_expires_at }
  if (refresh_token === null) {
    return { ...access, expires_at: access_expires_at, refresh_due_at: null }
  }
  const expires_at = later(refresh_token_expires_in)
  if (access_expires_at === null || expires_in === null) {
    return { ...access, expires_at, refresh_due_at: null }
  }
  const life = expires_in * 1000
  const lead = Math.min(life * MOST_LEAD_SHARE, Math.max(LEAD_MS, life * LEAD_SHARE))
  const refresh_due_at = new Date(access_expires_at.getTime() - lead * (1 + random))
  return { ...access, expires_at, refresh_due_at }
}
