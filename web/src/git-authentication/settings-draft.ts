import type { AuthMode, RuntimeProviderSettings } from '../../../src/contract/connections.ts'
import type { ProviderSummary } from '../../../src/contract/resources.ts'
import { repositoryFrom } from './repository-from.ts'
import type { SettingsChange } from './settings.ts'

/** The settings as they stand in the form: numbers and lists as typed. */
export interface SettingsDraft {
  auth_mode: AuthMode
  scopes: 'usual' | 'own'
  own_scopes: string
  age: 'unlimited' | 'limited'
  max_age_days: string
  token_allowed: boolean
  skip_validation: boolean
  warning_days: string
  probe_repository: string
}

export type Faults = Partial<
  Record<'own_scopes' | 'max_age_days' | 'warning_days' | 'probe_repository', string>
>

const MOST_SCOPES = 50

export function draftOf(settings: RuntimeProviderSettings): SettingsDraft {
  const { auth_mode, scopes, max_age_days, token_allowed, skip_validation, warning_days } = settings
  return {
    auth_mode,
    scopes: scopes === null ? 'usual' : 'own',
    own_scopes: scopes?.join(' ') ?? '',
    age: max_age_days === null ? 'unlimited' : 'limited',
    max_age_days: String(max_age_days ?? 90),
    token_allowed,
    skip_validation,
    warning_days: String(warning_days),
    probe_repository: settings.probe_repository ?? '',
  }
}

/** What is wrong with a draft, by field. Only what will be sent is looked at. */
export function faultsOf(draft: SettingsDraft, provider: ProviderSummary): Faults {
  const faults: Faults = {}
  if (asksForOwn(draft)) {
    const scopes = scopesOf(draft.own_scopes)
    // RFC 6749 §3.3
    const odd = scopes.find((scope) => !/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/.test(scope))
    if (scopes.length === 0) faults.own_scopes = 'Name at least one scope.'
    if (scopes.length > MOST_SCOPES) faults.own_scopes = `Name at most ${MOST_SCOPES} scopes.`
    if (odd !== undefined) faults.own_scopes = `“${odd.slice(0, 60)}” cannot be a scope.`
  }
  if (draft.age === 'limited' && !isWhole(draft.max_age_days, 1, 3650)) {
    faults.max_age_days = 'Type a number of days, from 1 to 3650.'
  }
  if (!isWhole(draft.warning_days, 0, 90)) {
    faults.warning_days = 'Type a number of days, from 0 to 90.'
  }
  if (repositoryFrom(draft.probe_repository, provider) === undefined) {
    faults.probe_repository = `Write it as acme/app, or paste its address at ${provider.name}.`
  }
  return faults
}

/** What to send. With tokens as the way, what is only about apps is left as it was. */
export function changeFrom(draft: SettingsDraft, provider: ProviderSummary): SettingsChange {
  const { auth_mode, token_allowed, skip_validation } = draft
  return {
    auth_mode,
    skip_validation,
    warning_days: Number(draft.warning_days),
    max_age_days: draft.age === 'limited' ? Number(draft.max_age_days) : null,
    probe_repository: repositoryFrom(draft.probe_repository, provider) || null,
    ...(auth_mode !== 'token' && {
      token_allowed,
      scopes: asksForOwn(draft) ? scopesOf(draft.own_scopes) : null,
    }),
  }
}

function asksForOwn({ auth_mode, scopes }: SettingsDraft): boolean {
  return auth_mode !== 'token' && scopes === 'own'
}

function scopesOf(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter((scope) => scope !== ''))]
}

function isWhole(text: string, least: number, most: number): boolean {
  return /^\d+$/.test(text.trim()) && Number(text) >= least && Number(text) <= most
}
