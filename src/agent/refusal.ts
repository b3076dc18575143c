import { ForeignAnswerError, ProblemError, type ProblemType, problems } from '../contract/index.ts'
import { VaultUnavailableError } from './vault-client.ts'

/** Why there is no credential. `detail` says what to do; `page` is where. */
export interface Refusal {
  type: ProblemType | 'vault-unavailable'
  detail: string
  page: string | undefined
  /** What only a log should hold. */
  cause: unknown
}

/** What a failed call to the vault means for the person. Anything unexpected is a refusal too. */
export function refusalFrom(error: unknown): Refusal {
  if (error instanceof ProblemError && error.type === 'not-found') {
    // A vault has everything that is asked of it here.
    const detail = 'What answers there is not a vault: its address is not that of the pages.'
    return { type: 'vault-unavailable', detail, page: undefined, cause: error }
  }
  if (error instanceof ForeignAnswerError) {
    const { detail } = error
    return { type: 'vault-unavailable', detail, page: undefined, cause: undefined }
  }
  if (error instanceof ProblemError) {
    const { type, extensions } = error
    return { type, detail: wholeDetail(error), page: extensions.page, cause: error.cause }
  }
  if (error instanceof VaultUnavailableError) {
    // `detail` has the reason. Node's own error may have with it the bytes that came, a token's too.
    return { type: 'vault-unavailable', detail: error.detail, page: undefined, cause: undefined }
  }
  const detail = 'The agent could not make sense of what the vault answered.'
  return { type: 'internal-error', detail, page: undefined, cause: error }
}

/** Of what can befall any call, the detail alone says only what to do. */
function wholeDetail({ type, detail }: ProblemError): string {
  switch (type) {
    case 'database-unavailable':
    case 'internal-error':
    case 'request-invalid':
      return `${problems[type].title}. ${detail}`
    default:
      return detail
  }
}

/** One sentence or two for a terminal: what happened, and the page that mends it. */
export function refusalSentence({ type, detail, page }: Refusal): string {
  if (page === undefined || detail.includes(page)) return detail
  return `${detail} ${wayOn(type)} ${page}`
}

function wayOn(type: Refusal['type']): string {
  switch (type) {
    case 'authorization-missing':
      return 'Authorize it at'
    case 'runtime-token-missing':
      return 'Add it at'
    case 'credential-expired':
    case 'credential-rejected':
    case 'credential-scopes-missing':
      return 'Replace the token at'
    default:
      return 'See'
  }
}
