import type { AuthMode } from '../contract/index.ts'

/** What changes of how people authorize a runtime at a Git host; what stays as it is is not there. */
export interface SettingsChange {
  auth_mode?: AuthMode | undefined
  token_allowed?: boolean | undefined
  skip_validation?: boolean | undefined
  scopes?: string[] | null | undefined
  max_age_days?: number | null | undefined
  warning_days?: number | undefined
  probe_repository?: string | null | undefined
}

const MODES: Record<AuthMode, string> = {
  default_client: 'authorize with the default app',
  custom_client: 'authorize with an app of its own',
  token: 'paste personal access tokens',
}

/** A change as the audit trail tells it, in the words of the pages. */
export function settingsInWords(change: SettingsChange): string {
  const { auth_mode, token_allowed, skip_validation, scopes } = change
  const { max_age_days, warning_days, probe_repository } = change
  const parts = [
    auth_mode && `people ${MODES[auth_mode]}`,
    token_allowed !== undefined &&
      `tokens may ${token_allowed ? 'be pasted too' : 'not be pasted'}`,
    skip_validation !== undefined &&
      `tokens that cannot be inspected are ${skip_validation ? 'accepted' : 'not accepted'}`,
    scopes !== undefined &&
      (scopes === null ? 'the usual scopes are asked for' : `asked for ${scopes.join(' ')}`),
    max_age_days !== undefined &&
      `authorizations live ${max_age_days === null ? 'without limit' : days(max_age_days)}`,
    warning_days !== undefined && `people are warned ${days(warning_days)} before the end`,
    probe_repository !== undefined &&
      `tokens are tried on ${probe_repository === null ? 'no repository' : probe_repository}`,
  ]
  return parts.filter(Boolean).join(', ') || 'nothing'
}

function days(count: number): string {
  return count === 1 ? '1 day' : `${count} days`
}
