import type { ConnectionStatus } from '../contract/index.ts'
import type { StoredStatus } from '../store/tables.ts'
import { type AuthorizationProbe, probeSentence } from './probe.ts'

/** How long before its end a token counts as `expiring`. */
const WARNING_DAYS = 7

/** A check that was asked for and has not ended after this long is no longer shown as under way. */
const CHECK_SECONDS = 60

export interface StatusFacts extends Partial<AuthorizationProbe> {
  status: StoredStatus
  expires_at: Date | null
  missing_scopes: readonly string[]
  check_requested_at?: Date | null
  /** When the person must authorize again, where an administrator set a limit. */
  authorization_expires_at?: Date | null
  warning_days?: number
}

/** How a token stands with one authorization, and on which of the two that rests. */
export interface Standing {
  status: ConnectionStatus
  /** One sentence. */
  reason: string
  about: 'connection' | 'authorization'
}

/** The status of a connection at `now`, and one sentence that says why. Pure. */
export function statusAt(
  facts: StatusFacts,
  now: Date,
): { status: ConnectionStatus; reason: string } {
  const { check_requested_at } = facts
  if (check_requested_at && now.getTime() - check_requested_at.getTime() < CHECK_SECONDS * 1000) {
    return { status: 'checking', reason: 'The Git host is being asked about this token.' }
  }
  const { status, reason } = standingAt(facts, now)
  return { status, reason }
}

/** What is known at `now`, whether a check is under way or not. Pure. */
export function standingAt(facts: StatusFacts, now: Date): Standing {
  const { expires_at, authorization_expires_at } = facts
  const about = 'connection'
  if (facts.status === 'reauthorization_required') {
    const reason = 'The grant is over: the Git host ended it, or its OAuth app was removed.'
    return { status: 'reauthorization_required', reason, about }
  }
  if (authorization_expires_at && authorization_expires_at <= now) {
    const reason = 'An administrator limits how long an authorization lives.'
    return { status: 'reauthorization_required', reason, about: 'authorization' }
  }
  if (facts.status === 'rejected') {
    return { status: 'rejected', reason: 'The Git host no longer accepts this token.', about }
  }
  if (expires_at !== null && expires_at <= now) {
    return { status: 'expired', reason: 'The token has come to its end.', about }
  }
  const lack = lackOf(facts)
  if (lack !== undefined) return { status: 'insufficient_scopes', ...lack }
  const endsSoon = (end: Date | null | undefined) =>
    end && warningBegins(end, facts.warning_days) <= now
  if (endsSoon(expires_at)) return { status: 'expiring', reason: 'The token ends soon.', about }
  if (endsSoon(authorization_expires_at)) {
    return { status: 'expiring', reason: 'The authorization ends soon.', about: 'authorization' }
  }
  return { ...proofOf(facts), about }
}

/** From when on something that ends at `end` counts as `expiring`. */
export function warningBegins(end: Date, warning_days = WARNING_DAYS): Date {
  return new Date(end.getTime() - warning_days * 86_400_000)
}

/** What the token is known to lack: by its scopes, or by the repository that it was tried on. */
function lackOf(facts: StatusFacts): Pick<Standing, 'reason' | 'about'> | undefined {
  const { status, missing_scopes, probed_repository, probe_outcome } = facts
  if (status === 'insufficient_scopes') {
    return { reason: `The token lacks ${missing_scopes.join(' and ')}.`, about: 'connection' }
  }
  if (!probed_repository || !probe_outcome || probe_outcome === 'proved') return undefined
  // Each runtime has a repository of its own to try tokens on.
  return { reason: probeSentence(probed_repository, probe_outcome), about: 'authorization' }
}

function proofOf({ status, probed_repository, probe_outcome }: StatusFacts) {
  if (probed_repository && probe_outcome) {
    return { status: 'valid', reason: probeSentence(probed_repository, probe_outcome) } as const
  }
  if (status === 'unverified') {
    return { status, reason: 'The Git host does not show what this token may do.' } as const
  }
  return { status: 'valid', reason: 'The Git host accepts this token.' } as const
}
