import type { Logger } from 'pino'
import { callbackPath } from '../contract/index.ts'
import {
  refresh as askForRefresh,
  type TokenAnswer,
  TokenEndpointError,
} from '../oauth/token-endpoint.ts'
import { adapterFor } from '../providers/adapters.ts'
import type { Outbound } from '../providers/http.ts'
import { endpointOf } from './client-endpoint.ts'
import type { Keyring } from './keyring.ts'
import type { ProviderLimits } from './provider-limits.ts'
import type { Claimed } from './refresh-claim.ts'
import type { JournalEntry, JournalPlace, RefreshJournal } from './refresh-journal.ts'
import type { TokenSet } from './token-set.ts'

/** What a call to a token endpoint is made with. */
export interface CallParts {
  keyring: Keyring
  outbound: Outbound
  journal: RefreshJournal
  limits: ProviderLimits
  /** The address of the pages now; a grant may be from before it was this one. */
  page_url: string
  /** Hears of each answer that could not be written to the journal first. */
  onNotJournaled: () => void
  log: Logger
}

/**
 * Asks the token endpoint for the next token set, as the client of the grant. The answer is on disk
 * before anybody reads it.
 *
 * @throws TokenEndpointError
 */
export async function askForTokens(
  parts: CallParts,
  row: Claimed,
  tokens: TokenSet,
  asked_at: Date,
): Promise<TokenAnswer> {
  const { keyring, outbound, limits } = parts
  const { oauth, origins } = adapterFor(row.kind)
  const http = outbound.to(row, origins(row.base_url))
  const place = { connection_id: row.id, version: row.version }
  let journaled = false
  const endpoint = await endpointOf(keyring, row, async (url, init) => {
    const answer = await http.fetch(url, init)
    const { status, headers } = answer
    const body = await answer.text()
    // From here on the old refresh token may be dead: the new one goes to disk at once.
    if (answer.ok && mayHoldTokens(body)) {
      journaled = true
      const asked = { ...place, grant: row, asked_at: asked_at.getTime() }
      journalOrLog(parts, { ...asked, answer: body })
    }
    return new Response(body, { status, headers })
  })
  const repeated = {
    redirect_uri: row.redirect_uri ?? parts.page_url + callbackPath(row.provider_id),
    scope: (row.requested_scopes ?? oauth.default_scopes[row.owner_kind]).join(' '),
  }
  const more = Object.fromEntries(oauth.refresh_repeats.map((name) => [name, repeated[name]]))
  try {
    if (tokens.refresh_token === null) throw new TokenEndpointError('permanent', {})
    return await askForRefresh(endpoint, tokens.refresh_token, more)
  } catch (error) {
    if (journaled && saidNo(error)) removeOrLog(parts, place)
    if (error instanceof TokenEndpointError && error.retry_after !== undefined) {
      await limits.pause(row.provider_id, error.retry_after)
    }
    throw error
  }
}

/**
 * Whether an answer is one to keep, in whatever form it is. One that holds no tokens takes the place
 * of none that does.
 */
export function mayHoldTokens(answer: string): boolean {
  return answer.includes('access_token')
}

/** Whether there are no tokens because the server says so, and not because we cannot read what it says. */
export function saidNo(error: unknown): boolean {
  return error instanceof TokenEndpointError && error.error !== undefined
}

/** A full disk must not stop the answer from reaching the database. */
function journalOrLog({ journal, onNotJournaled, log }: CallParts, entry: JournalEntry): void {
  try {
    journal.write(entry)
  } catch (error) {
    onNotJournaled()
    log.error({ err: error }, 'the refresh journal cannot be written')
  }
}

/** What stays behind counts only for a version that is over. @returns whether nothing did */
export function removeOrLog(
  { journal, log }: Pick<CallParts, 'journal' | 'log'>,
  place: JournalPlace,
): boolean {
  try {
    journal.remove(place)
    return true
  } catch (error) {
    log.error({ err: error }, 'a file of the refresh journal cannot be removed')
    return false
  }
}
