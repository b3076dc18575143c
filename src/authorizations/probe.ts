import type { ProbeOutcome } from '../store/tables.ts'

/** The columns of an authorization, or of a runtime's own token, that say what it was tried on. */
export interface ProbeColumns {
  probed_repository: string | null
  probe_outcome: ProbeOutcome | null
}

/** For a token that says itself what it may do, or that was not tried on anything. */
export const notProbed: ProbeColumns = { probed_repository: null, probe_outcome: null }

/** What a repository told about a token, in a sentence. */
export function probeSentence(repository: string, outcome: ProbeOutcome): string {
  switch (outcome) {
    case 'proved':
      return `Proved by ${repository}: the token may read and write there.`
    case 'read_only':
      return `The token may read ${repository} but not write to it.`
    case 'unreadable':
      return `The token sees ${repository} but may not read or write its contents.`
    case 'not_visible':
      return `The token does not reach ${repository}.`
  }
}
