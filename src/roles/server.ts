import type { Logger } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { Config } from '../config/config.ts'
import type { ServerSecrets } from '../config/secrets.ts'
import { openBroker } from '../events/broker.ts'
import { createApp } from '../http/app.ts'
import { createPageCallers } from '../http/page-callers.ts'
import { administrationRoutes } from '../http/routes/administration.ts'
import { authorizationRoutes } from '../http/routes/authorizations.ts'
import { deviceSignInRoutes } from '../http/routes/device-sign-in.ts'
import { eventRoutes } from '../http/routes/events.ts'
import { healthRoutes } from '../http/routes/health.ts'
import { oauthRoutes } from '../http/routes/oauth.ts'
import { pageRoutes } from '../http/routes/pages.ts'
import { runtimeTokenRoutes } from '../http/routes/runtime-tokens.ts'
import { sessionRoutes } from '../http/routes/session.ts'
import type { ServerParts } from '../http/server-parts.ts'
import { registerWaiting } from '../http/waiting-metrics.ts'
import { openAuth } from '../people/auth.ts'
import { openOutbound } from '../providers/http.ts'
import type { Database } from '../store/database.ts'
import { listenOn } from './listen-on.ts'

/** A role that answers on an address until disposed. */
export interface Serving extends AsyncDisposable {
  url: string
}

/** Pages and API. It has no private key, and nothing it imports could use one. */
export async function startServer(
  database: Database,
  config: Config,
  secrets: ServerSecrets,
  options: { log: Logger; version: string; pages_folder: string },
): Promise<Serving> {
  const { log, version } = options
  const { db } = database
  const { page_url } = config
  await using resources = new AsyncDisposableStack()
  const broker = resources.use(
    await openBroker(database.url, (error) => log.warn({ err: error }, 'event connection lost')),
  )
  const outbound = resources.use(openOutbound({ timeout_ms: config.provider_timeout_ms }))
  const auth = openAuth(db, { page_url, session_secret: secrets.session_secret })
  const callers = createPageCallers(db, auth, page_url)
  const parts: ServerParts = { db, auth, callers, outbound, broker, page_url, version }

  const app = createApp({ log, ...config })
  const metrics = new Registry()
  collectDefaultMetrics({ register: metrics })
  registerWaiting(metrics, db)
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    reply.header('referrer-policy', 'no-referrer')
    if (page_url.startsWith('https:')) {
      reply.header('strict-transport-security', 'max-age=31536000')
    }
  })
  sessionRoutes(app, parts)
  deviceSignInRoutes(app, parts, secrets.session_secret)
  authorizationRoutes(app, parts)
  oauthRoutes(app, parts)
  administrationRoutes(app, parts)
  runtimeTokenRoutes(app, parts)
  eventRoutes(app, parts)
  healthRoutes(app, db, metrics)
  await pageRoutes(app, options.pages_folder, parts)
  const url = await listenOn(app, { host: config.host, port: config.port }, 'COUNTERSIGN_PORT')
  resources.defer(() => app.close())
  const kept = resources.move()
  return { url, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}
