import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import type { Registry } from 'prom-client'
import type { Db } from '../../store/database.ts'

/** `/healthz` (the process lives), `/readyz` (the database takes changes) and `/metrics` (Prometheus). */
export function healthRoutes(app: FastifyInstance, db: Db, metrics: Registry): void {
  app.get('/healthz', async () => ({ status: 'ok' }))
  app.get('/readyz', async () => {
    // It changes nothing. After a failover it fails on a connection to what only reads by now, which
    // ends that connection.
    await sql`update vault_keys set key_id = key_id where false`.execute(db)
    return { status: 'ok' }
  })
  app.get('/metrics', async (_request, reply) => {
    return await reply.type(metrics.contentType).send(await metrics.metrics())
  })
}
