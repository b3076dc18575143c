import { sql } from 'kysely'
import type { Inspection } from '../providers/provider.ts'
import type { StoredStatus } from '../store/tables.ts'

const HOUR_SECONDS = 3600

/**
 * When to ask the Git host about a token again: a day after it answered, an hour after it did not,
 * each spread out so that tokens that came together are not asked about together.
 *
 * @param least seconds for which the host asked to be left alone
 */
export function nextCheck(last: 'answered' | 'unavailable', least = 0) {
  const usual = (last === 'answered' ? 24 : 1) * HOUR_SECONDS
  const wait = Math.max(usual, least) * (0.75 + Math.random() / 2)
  return sql<Date>`now() + make_interval(secs => ${Math.max(wait, least)})`
}

/** The columns of a connection that follow from what a Git host has just said about its token. */
export function acceptedColumns(inspection: Inspection) {
  const { account, scopes } = inspection
  return {
    status: (scopes === null ? 'unverified' : 'valid') as StoredStatus,
    account_id: account.id,
    account_login: account.login,
    account_name: account.name,
    account_email: account.email,
    account_avatar_url: account.avatar_url,
    scopes: scopes ?? [],
    missing_scopes: [] as string[],
    checked_at: sql<Date>`now()`,
    check_requested_at: null,
    check_due_at: nextCheck('answered'),
    check_failed_at: null,
    check_failed_reason: null,
  }
}
