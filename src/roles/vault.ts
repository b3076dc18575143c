import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Config } from '../config/config.ts'
import type { RuntimeClient } from '../contract/index.ts'
import { openBroker } from '../events/broker.ts'
import { nextChange } from '../events/next-change.ts'
import { answerNotFound, createApp } from '../http/app.ts'
import { healthRoutes } from '../http/routes/health.ts'
import { startWorker } from '../jobs/worker.ts'
import { holdWorkerLife } from '../jobs/worker-life.ts'
import { isWithin } from '../people/attempts.ts'
import { openOutbound } from '../providers/http.ts'
import { type Database, isDatabaseAway } from '../store/database.ts'
import { openAuditCommit } from '../vault/audit-commit.ts'
import { startDevicePolls } from '../vault/device-polls.ts'
import { createGrantCache } from '../vault/grant-cache.ts'
import { keyringOf, openKeyring, refuseOtherKey } from '../vault/keyring.ts'
import { createVaultMetrics } from '../vault/metrics.ts'
import { startNoticeClock } from '../vault/notice-clock.ts'
import { createProviderLimits } from '../vault/provider-limits.ts'
import { createProviderPace } from '../vault/provider-pace.ts'
import { createRefresher } from '../vault/refresh.ts'
import { openRefreshJournal } from '../vault/refresh-journal.ts'
import { createRefusedTokens } from '../vault/refused-tokens.ts'
import { vaultRoutes } from '../vault/routes.ts'
import { runtimeCalls } from '../vault/runtime-calls.ts'
import { CHECKS_AT_ONCE, startScheduler } from '../vault/scheduler.ts'
import { WrongVaultKeyError } from '../vault/wrong-vault-key-error.ts'
import { listenOn } from './listen-on.ts'
import type { Serving } from './server.ts'

/** A vault that answers on an address, and in its own process. */
export interface ServingVault extends Serving {
  /** Is broken when the data belongs to another key by now: then there is nothing more to do here. */
  ended: Promise<never>
  /** The calls of a runtime, without the way over HTTP. */
  callsOf: (runtime_key: string) => RuntimeClient
}

/** Tokens of this many runtimes and people at once are kept ready in memory, for five minutes. */
const CACHE_LIMITS = { entries: 10_000, age_ms: 300_000 }

const LEAST_CLAIM_SECONDS = 30

/** Between two questions whether the key is still that of the data. */
const KEY_AGAIN_MS = 1000

/** An agent waits 20 seconds for all of an answer. */
const MOST_PATIENCE_MS = 15_000

/** The audit trail only grows: what one runtime is refused fills it no further than this. */
const DENIALS = { most: 600, seconds: 300 }

/** Calls under way from one vault to one provider's token endpoint at most. */
const CALLS_AT_ONCE = 16

/**
 * Opens boxes: checks tokens in the background and answers runtimes.
 *
 * @param key the vault's private key in its text form
 * @throws WrongVaultKeyError when the data is sealed to another key
 */
export async function startVault(
  database: Database,
  config: Config,
  key: string,
  options: { log: Logger },
): Promise<ServingVault> {
  const { log } = options
  const { db, pool } = database
  await using resources = new AsyncDisposableStack()
  // First of all: the key of the data changes only while no vault is known to live.
  const id = `vault-${randomUUID()}`
  const { key_id } = await keyringOf(key)
  const rotated = Promise.withResolvers<never>()
  rotated.promise.catch(() => {})
  const life = {
    onError: (error: Error) => log.warn({ err: error }, 'worker connection lost'),
    // Nobody knew that it lives until now.
    onAgain: () => void refuseRotated(),
  }
  async function refuseRotated(): Promise<void> {
    try {
      await refuseOtherKey(db, key_id)
    } catch (error) {
      if (error instanceof WrongVaultKeyError) return rotated.reject(error)
      log.warn({ err: error }, 'whether the vault key was rotated is not known')
      if (!isDatabaseAway(error)) return
      await pause(KEY_AGAIN_MS, undefined, { ref: false })
      await refuseRotated()
    }
  }
  resources.use(await holdWorkerLife(database.url, id, life))
  const keyring = await openKeyring(db, key)
  const outbound = resources.use(openOutbound({ timeout_ms: config.provider_timeout_ms }))
  const broker = resources.use(
    await openBroker(database.url, (error) => log.warn({ err: error }, 'event connection lost')),
  )
  const { page_url } = config
  const limits = createProviderLimits(CALLS_AT_ONCE, createProviderPace(db, 'tokens'))
  const check_limits = createProviderLimits(CHECKS_AT_ONCE, createProviderPace(db, 'checks'))
  const journal = openRefreshJournal(join(config.data_folder, 'refresh-journal'), keyring)
  const metrics = createVaultMetrics(journal)
  const refresher = createRefresher({
    db,
    keyring,
    outbound,
    page_url,
    claim_seconds: Math.max(LEAST_CLAIM_SECONDS, (2 * config.provider_timeout_ms) / 1000),
    patience_ms: Math.min(MOST_PATIENCE_MS, 1.5 * config.provider_timeout_ms),
    journal,
    limits,
    nextChange: (id, ms) => nextChange(broker, id, ms),
    onOutcome: metrics.refreshed,
    onNotJournaled: metrics.notJournaled,
    log,
  })
  await refresher.replay()
  const refused = createRefusedTokens()
  const closing = new AbortController()
  const finishing = { db, keyring, outbound, limits, closing: closing.signal }
  const work = { ...finishing, check_limits, refused, refresher, page_url }
  resources.use(startScheduler({ ...work, broker, log }))
  resources.use(startNoticeClock({ db, broker, log }))
  resources.use(await startWorker(database, id, work, log))
  const taken_seconds = Math.max(LEAST_CLAIM_SECONDS, (4 * config.provider_timeout_ms) / 1000)
  resources.use(startDevicePolls({ ...finishing, broker, taken_seconds, log }))
  resources.defer(() => closing.abort())

  const app = createApp({ log, ...config })
  app.addHook('onResponse', (request, reply, done) => {
    metrics.answered(request.routeOptions.url ?? 'unknown', reply.statusCode)
    done()
  })
  const parts = {
    db,
    pool,
    keyring,
    outbound,
    commit: openAuditCommit(pool),
    cache: resources.use(createGrantCache(CACHE_LIMITS)),
    page_url,
    refresher,
    async denialWithin(runtime_id: string) {
      const within = await isWithin(db, `denial ${runtime_id}`, DENIALS)
      if (!within) metrics.denialNotWritten()
      return within
    },
  }
  vaultRoutes(app, parts)
  healthRoutes(app, db, metrics.registry)
  answerNotFound(app)
  const address = { host: config.host, port: config.vault_port }
  const url = await listenOn(app, address, 'COUNTERSIGN_VAULT_PORT')
  resources.defer(() => app.close())
  const kept = resources.move()
  return {
    url,
    ended: rotated.promise,
    callsOf: (runtime_key) => runtimeCalls(parts, { key: runtime_key, ip: null }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
