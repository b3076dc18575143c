import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import type { Registry } from 'prom-client'
import { ProblemError } from '../../contract/index.ts'
import { answerInTime, type Db } from '../../store/database.ts'

/** `/healthz` (the process lives), `/readyz` (the database takes changes) and `/metrics` (Prometheus). */
export function healthRoutes(app: FastifyInstance, db: Db, metrics: Registry): void {
  app.get('/healthz', async () => ({ status: 'ok' }))
  app.get('/readyz', async () => {
    // It changes nothing. After a failover it fails on a connection to what only reads by now, which
    // ends that connection.
    const change = sql`update vault_keys set key_id = key_id where false`.execute(db)
    if ((await answerInTime(change)) === undefined) {
      throw new ProblemError('database-unavailable', 'It has been silent for 5 seconds.')
    }
    return { status: 'ok' }
  })
  app.get('/metrics', async (_request, reply) => {
    return await reply.type(metrics.contentType).send(await metrics.metrics())
  })
}
