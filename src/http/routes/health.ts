import type { FastifyInstance } from 'fastify'
import { sql } from 'kysely'
import type { Registry } from 'prom-client'
import type { Db } from '../../store/database.ts'

/** `/healthz` (the process lives), `/readyz` (the database answers) and `/metrics` (Prometheus). */
export function healthRoutes(app: FastifyInstance, db: Db, metrics: Registry): void {
  app.get('/healthz', async () => ({ status: 'ok' }))
  app.get('/readyz', async () => {
    await sql`select 1`.execute(db)
    return { status: 'ok' }
  })
  app.get('/metrics', async (_request, reply) => {
    return await reply.type(metrics.contentType).send(await metrics.metrics())
  })
}
