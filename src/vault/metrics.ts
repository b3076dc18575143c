import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { ProviderKind } from '../contract/index.ts'
import type { RefreshJournal } from './refresh-journal.ts'
import type { RefreshOutcome } from './refresh-result.ts'

/** What a vault counts. Labels are of a few fixed words: no name, host, person or token. */
export interface VaultMetrics {
  registry: Registry
  answered(route: string, status: number): void
  /** A call at a token endpoint was concluded. */
  refreshed(kind: ProviderKind, outcome: RefreshOutcome): void
  /** An answer with tokens could not be written to the journal before it was used. */
  notJournaled(): void
  /** A runtime was refused so often that this is not in the audit trail. */
  denialNotWritten(): void
}

/** Figures of the process, of what it answers and refreshes, and of its journal. */
export function createVaultMetrics(journal: RefreshJournal): VaultMetrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const answers = new Counter({
    name: 'countersign_vault_answers_total',
    help: 'Answers to runtimes, by route and status',
    labelNames: ['route', 'status'],
    registers,
  })
  const refreshes = new Counter({
    name: 'countersign_refreshes_total',
    help: 'Calls for newer tokens, by kind of Git host and outcome',
    labelNames: ['kind', 'outcome'],
    registers,
  })
  const unwritten = new Counter({
    name: 'countersign_denials_not_written_total',
    help: 'Refusals of runtimes that are not in the audit trail, for there were too many',
    registers,
  })
  new Gauge({
    name: 'countersign_journal_answers',
    help: 'Answers with tokens in the refresh journal that are not in the database yet',
    registers,
    collect() {
      this.set(journal.count())
    },
  })
  const notJournaled = new Counter({
    name: 'countersign_journal_failures_total',
    help: 'Answers with tokens that could not be written to the refresh journal first',
    registers,
  })
  return {
    registry,
    answered: (route, status) => answers.inc({ route, status }),
    refreshed: (kind, outcome) => refreshes.inc({ kind, outcome }),
    notJournaled: () => notJournaled.inc(),
    denialNotWritten: () => unwritten.inc(),
  }
}
