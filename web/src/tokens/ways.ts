import type { AccessDetail } from '../../../src/contract/connections.ts'
import { hasWorking, isOwn, reusableHere } from './access.ts'

/** A way to authorize that is no token of before. */
export type NewWay = 'oauth' | 'paste'

/** The ways that are open for a row, the best first. */
export function newWays({ oauth, token_allowed }: AccessDetail): NewWay[] {
  return [
    ...(oauth === 'ready' ? (['oauth'] as const) : []),
    ...(token_allowed ? (['paste'] as const) : []),
  ]
}

/**
 * What a panel starts with: a token that is there already saves making one, but a row with a token
 * is here to replace it. Only a grant may take the place of one that no longer works; one that only
 * comes to a limit is used again.
 *
 * @returns the id of a connection, a new way, or nothing where none is open
 */
export function firstWay(access: AccessDetail, triedOAuth: boolean): string | undefined {
  const [way] = newWays(access)
  const reusables = reusableHere(access)
  const own = reusables.find((one) => isOwn(access, one))
  if (own && !triedOAuth) return own.id
  const [reusable] = reusables
  if (!reusable || triedOAuth || hasWorking(access)) return way
  const replaces = access.authorization !== null
  return replaces && reusable.method === 'token' ? way : reusable.id
}
