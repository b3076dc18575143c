import type { ConnectionStatus } from '../contract/index.ts'
import type { StoredStatus } from '../store/tables.ts'
import { type ProbeColumns, probeSentence } from './probe.ts'

/** How long before its end a token counts as `expiring`. */
export const WARNING_DAYS = 7

/** A check that was asked for and has not ended after this long is no longer shown as under way. */
const CHECK_SECONDS = 60

export interface StatusFacts extends Partial<ProbeColumns> {
  status: StoredStatus
  expires_at: Date | null
  missing_scopes: readonly string[]
  check_requested_at?: Date | null
  /** When the person must authorize again, where an administrator set a limit. */
  authorization_expires_at?: Date | null
  warning_days?: number
}

/** The status of a connection at `now`, and one sentence that says why. Pure. */
export function statusAt(
  facts: StatusFacts,
  now: Date,
): { status: ConnectionStatus; reason: string } {
  const { expires_at, check_requested_at } = facts
  if (check_requested_at && now.getTime() - check_requested_at.getTime() < CHECK_SECONDS * 1000) {
    return { status: 'checking', reason: 'The Git host is being asked about this token.' }
  }
  if (facts.status === 'reauthorization_required') {
    return {
      status: 'reauthorization_required',
      reason: 'The grant is over: the Git host ended it, or its OAuth app was removed.',
    }
  }
  if (facts.authorization_expires_at && facts.authorization_expires_at <= now) {
    return {
      status: 'reauthorization_required',
      reason: 'An administrator limits how long an authorization lives.',
    }
  }
  if (facts.status === 'rejected') {
    return { status: 'rejected', reason: 'The Git host no longer accepts this token.' }
  }
  if (expires_at !== null && expires_at <= now) {
    return { status: 'expired', reason: 'The token has come to its end.' }
  }
  const lack = lackOf(facts)
  if (lack !== undefined) return { status: 'insufficient_scopes', reason: lack }
  const warning_ms = (facts.warning_days ?? WARNING_DAYS) * 86_400_000
  const endsSoon = (end: Date | null | undefined) =>
    end && end.getTime() - now.getTime() < warning_ms
  if (endsSoon(expires_at)) return { status: 'expiring', reason: 'The token ends soon.' }
  if (endsSoon(facts.authorization_expires_at)) {
    return { status: 'expiring', reason: 'The authorization ends soon.' }
  }
  return proofOf(facts)
}

/** What the token is known to lack: by its scopes, or by the repository that it was tried on. */
function lackOf(facts: StatusFacts): string | undefined {
  const { status, missing_scopes, probed_repository, probe_outcome } = facts
  if (status === 'insufficient_scopes') return `The token lacks ${missing_scopes.join(' and ')}.`
  if (!probed_repository || !probe_outcome || probe_outcome === 'proved') return undefined
  return probeSentence(probed_repository, probe_outcome)
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

/** Whether a token with this status may be handed out. */
export function isUsable(status: ConnectionStatus): boolean {
  return (
    status === 'valid' || status === 'expiring' || status === 'unverified' || status === 'checking'
  )
}
