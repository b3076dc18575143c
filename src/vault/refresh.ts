import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { ProviderKind } from '../contract/index.ts'
import type { NextChange } from '../events/next-change.ts'
import { readTokenAnswer, type TokenAnswer, TokenEndpointError } from '../oauth/token-endpoint.ts'
import { type Db, isBrokenReference, isDatabaseAway } from '../store/database.ts'
import { endKept } from './late-tokens.ts'
import { limitOf } from './provider-pace.ts'
import { askForTokens, type CallParts, mayHoldTokens, removeOrLog, saidNo } from './refresh-call.ts'
import {
  type Claimed,
  claim,
  claimedRow,
  outcomeSoFar,
  type RefreshCause,
  renewClaim,
} from './refresh-claim.ts'
import type { DamagedFile, JournalEntry, JournalPlace, RefreshJournal } from './refresh-journal.ts'
import {
  concludeFailed,
  type Granted,
  type RefreshOutcome,
  storeRefreshed,
} from './refresh-result.ts'
import { openTokenSet } from './token-set.ts'

export interface Refresher {
  /**
   * Brings a connection past `version`. Callers in this process share one call; other vaults wait
   * for the one that has the claim.
   *
   * @param cause somebody who asks goes before what is done ahead of time, and is told `unavailable`
   *   when it takes too long; it goes on all the same. But for what is due, a try that has just
   *   failed counts as this one, too
   */
  refresh(connection_id: string, version: number, cause: RefreshCause): Promise<RefreshOutcome>
  /** Brings answers into the database that an earlier process could not. */
  replay(): Promise<void>
  /**
   * Has `wake` called whenever an answer stays on disk: it is to be replayed before the claim is so
   * old that another vault, which does not have this disk, asks the host again.
   */
  onKept(wake: () => void): void
}

export interface RefreshParts extends CallParts {
  db: Db
  /** A claim whose holder died is taken over after this long; longer than a call may take. */
  claim_seconds: number
  /** For how long somebody who asks waits: longer than a call may take, and less than agents do. */
  patience_ms: number
  /** Happens when a connection was changed by anybody, or after a while. */
  nextChange: (connection_id: string, ms: number) => NextChange
  /** Hears what came of each call that was made here. */
  onOutcome: (kind: ProviderKind, outcome: RefreshOutcome) => void
}

/** How long to wait for another vault's refresh before looking again. */
const WAIT_MS = 5_000

export function createRefresher(given: RefreshParts): Refresher {
  /** Answers that we have written to the disk, and have yet to bring from there to the database. */
  const storing = new Set<string>()
  const parts = { ...given, journal: noting(given.journal, storing) }
  const { db, journal, log, claim_seconds, patience_ms } = parts
  const holder = randomUUID()
  const underway = new Map<string, { outcome: Promise<RefreshOutcome>; hurry: () => void }>()
  /** Answers that cannot be read, or not even opened, and are said to stay on disk, once. */
  const unreadable = new Set<string>()
  /** Answers that are dealt with, whose files cannot be removed, and so come again and again. */
  const staying = new Set<string>()
  let wake = () => {}

  function share(
    connection_id: string,
    version: number,
    cause: RefreshCause,
  ): Promise<RefreshOutcome> {
    const shared = underway.get(connection_id)
    if (shared !== undefined) {
      // What is done ahead of time waits behind much; who asks for it does not.
      if (cause === 'asked') shared.hurry()
      return shared.outcome
    }
    const { promise: hurried, resolve: hurry } = Promise.withResolvers<void>()
    const outcome = bringNext(connection_id, version, cause, hurried).finally(() =>
      underway.delete(connection_id),
    )
    underway.set(connection_id, { outcome, hurry })
    return outcome
  }

  async function bringNext(
    id: string,
    version: number,
    cause: RefreshCause,
    hurried: Promise<void>,
  ): Promise<RefreshOutcome> {
    let kept: JournalEntry | undefined
    try {
      kept = journal.find({ connection_id: id, version })
    } catch (error) {
      // What is there may be the answer to what would be asked with, which is used up then.
      log.error({ err: error, connection_id: id, version }, 'a refresh waits for what is on disk')
      return 'unavailable'
    }
    // The database has not seen this answer yet, and what was asked with is used up.
    if (kept !== undefined) await bringHome(kept)
    return await bringPast(id, version, cause, hurried)
  }

  async function bringPast(
    id: string,
    version: number,
    cause: RefreshCause,
    hurried: Promise<void>,
  ): Promise<RefreshOutcome> {
    const give_up_at = performance.now() + claim_seconds * 1000 + WAIT_MS
    for (;;) {
      // Listening begins before looking, so that no change falls in between.
      using change = parts.nextChange(id, WAIT_MS)
      const claimed = await claim(parts, { id, version, holder, cause })
      if (claimed !== undefined) {
        const calling = refreshClaimed(parts, claimed, holder, cause, hurried, () => wake())
        const own = await calling.finally(() =>
          storing.delete(nameOf({ connection_id: id, version })),
        )
        if (own !== 'overtaken') {
          parts.onOutcome(claimed.kind, own)
          return own
        }
      }
      const outcome = await outcomeSoFar(db, id, version)
      if (outcome !== undefined) return outcome
      if (performance.now() > give_up_at) return 'unavailable'
      await change.happened
    }
  }

  async function bringHome(entry: JournalEntry): Promise<void> {
    const { connection_id, version } = entry
    const row = await claimedRow(db, connection_id)
    const isNext = row?.version === version
    const answer = await answerIn(entry)
    if (answer === 'unreadable') {
      // Who can read it may bring it home, as long as nothing newer has taken its place.
      if (isNext) return sayOnce(entry, 'an answer with tokens cannot be read: it stays on disk')
    } else if (answer !== 'no') {
      const granted = { answer, asked_at: new Date(entry.asked_at) }
      if (isNext) await storeRefreshed(parts, row, granted)
      else await endOnce(entry, answer)
      log.info({ connection_id }, 'a refresh was brought home')
    }
    if (removeOrLog(parts, entry)) staying.delete(nameOf(entry))
    else staying.add(nameOf(entry))
  }

  async function endOnce(entry: JournalEntry, answer: TokenAnswer): Promise<void> {
    // Of what an earlier version wrote, nobody knows any more at which host to end it.
    if (entry.grant === undefined || staying.has(nameOf(entry))) return
    await endKept(parts, entry.grant, answer).catch(unlessHostRemoved)
  }

  /**
   * What does not open is of no use to anybody, once its grant has newer tokens. Of a grant that is
   * not known here, it may be of use to others.
   */
  async function setAside(damaged: DamagedFile): Promise<void> {
    const { connection_id, version, file, cause } = damaged
    const there = await claimedRow(db, connection_id)
    if (cause === undefined && there !== undefined && there.version > version) {
      return void removeOrLog(parts, damaged)
    }
    sayOnce(damaged, `${file} cannot be opened: it is damaged, of another key, or not ours to read`)
  }

  function sayOnce(place: JournalPlace, sentence: string): void {
    const { connection_id, version } = place
    const key = nameOf(place)
    if (unreadable.has(key)) return
    unreadable.add(key)
    log.error({ connection_id, version }, sentence)
  }

  return {
    refresh(connection_id, version, cause) {
      const outcome = share(connection_id, version, cause)
      return cause === 'asked' ? within(patience_ms, outcome) : outcome
    },
    onKept(call) {
      wake = call
    },
    async replay() {
      for (const entry of pendingOrLog(parts)) {
        if (storing.has(nameOf(entry))) continue
        try {
          await ('file' in entry ? setAside(entry) : bringHome(entry))
        } catch (error) {
          if (isDatabaseAway(error)) throw error
          // One that cannot be brought home keeps none of the others from it.
          log.error({ err: error, connection_id: entry.connection_id }, 'a refresh stays on disk')
        }
      }
    },
  }
}

async function within(ms: number, outcome: Promise<RefreshOutcome>): Promise<RefreshOutcome> {
  const ended = new AbortController()
  const late = pause(ms, 'unavailable' as const, { ref: false, signal: ended.signal })
  try {
    return await Promise.race([outcome, late])
  } finally {
    ended.abort()
  }
}

/** The token set in a kept answer, if it can be read. Some say no, or nothing, with status 200. */
async function answerIn({ answer }: JournalEntry): Promise<TokenAnswer | 'no' | 'unreadable'> {
  const headers = { 'content-type': 'application/json' }
  return await readTokenAnswer(new Response(answer, { headers })).catch((error: unknown) => {
    if (!(error instanceof TokenEndpointError)) throw error
    return mayHoldTokens(answer) && !saidNo(error) ? 'unreadable' : 'no'
  })
}

/** One call at the token endpoint, that nothing cancels, and what follows from it. */
async function refreshClaimed(
  parts: RefreshParts,
  row: Claimed,
  holder: string,
  cause: RefreshCause,
  hurried: Promise<void>,
  onKept: () => void,
): Promise<RefreshOutcome | 'overtaken'> {
  let granted: Granted | undefined
  try {
    const tokens = await openTokenSet(parts.keyring, row)
    const urgent = cause === 'asked'
    const turn = { provider_id: row.provider_id, limit: limitOf(row.kind), urgent, hurried }
    granted = await parts.limits.run(turn, async () => {
      const asked_at = await renewClaim(parts.db, row, holder)
      if (asked_at === undefined) return undefined
      return { asked_at, answer: await askForTokens(parts, row, tokens, asked_at) }
    })
    if (granted === undefined) return 'overtaken'
  } catch (error) {
    parts.log.warn({ err: error, connection_id: row.id }, 'a refresh did not succeed')
    if (error instanceof TokenEndpointError) {
      return await concludeFailed(parts.db, row, error, cause)
    }
    const unknown = new TokenEndpointError('transient', { cause: error })
    parts.onOutcome(row.kind, await concludeFailed(parts.db, row, unknown, cause))
    throw error
  }
  let outcome: RefreshOutcome
  try {
    outcome = await storeRefreshed(parts, row, granted)
  } catch (error) {
    // The journal has the answer; `replay` brings it home when the database is back.
    onKept()
    if (!isDatabaseAway(error)) throw error
    parts.log.warn({ err: error, connection_id: row.id }, 'a refresh waits for the database')
    return 'unavailable'
  }
  removeOrLog(parts, { connection_id: row.id, version: row.version })
  return outcome
}

/** The journal, with a note in `written` of each answer that is put there. */
function noting(journal: RefreshJournal, written: Set<string>): RefreshJournal {
  return {
    ...journal,
    write(entry) {
      written.add(nameOf(entry))
      journal.write(entry)
    },
  }
}

function nameOf({ connection_id, version }: JournalPlace): string {
  return `${connection_id}.${version}`
}

/** Of a Git host that was removed here, nobody is left to be told. */
function unlessHostRemoved(error: unknown): void {
  if (!isBrokenReference(error)) throw error
}

/** A disk that cannot be read must not stop what is due in the background. */
function pendingOrLog({ journal, log }: RefreshParts): (JournalEntry | DamagedFile)[] {
  try {
    return journal.pending()
  } catch (error) {
    log.error({ err: error }, 'the refresh journal cannot be read')
    return []
  }
}
