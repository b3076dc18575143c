import type { FastifyInstance } from 'fastify'
import { createCandidate } from '../../authorizations/candidates.ts'
import { listRevocations } from '../../authorizations/revocations.ts'
import {
  checkRuntimeToken,
  deleteRuntimeToken,
  getRuntimeToken,
  listRuntimeTokens,
} from '../../authorizations/runtime-tokens.ts'
import { countCandidate, countCheck } from '../../people/attempts.ts'
import { bind } from '../bind.ts'
import type { ServerParts } from '../server-parts.ts'

/** What administrators do with a runtime's own token; OAuth2 is among the routes of that. */
export function runtimeTokenRoutes(app: FastifyInstance, { db, callers }: ServerParts): void {
  const { person: admin } = callers

  bind(app, 'listRuntimeTokens', admin, ({ params, query }) =>
    listRuntimeTokens(db, params.id, { limit: 25, ...query }),
  )
  bind(app, 'getRuntimeToken', admin, ({ params }) => getRuntimeToken(db, params))
  bind(app, 'createRuntimeCandidate', admin, async ({ body }, { caller: person, ip }) => {
    await countCandidate(db, person)
    return await createCandidate(db, { ...body, for_runtime: true, person, ip })
  })
  bind(app, 'checkRuntimeToken', admin, async ({ params }, { caller: person, ip }) => {
    await countCheck(db, person)
    return await checkRuntimeToken(db, { ...params, person, ip })
  })
  bind(app, 'deleteRuntimeToken', admin, async ({ params }, { caller: person, ip }) => {
    await deleteRuntimeToken(db, { ...params, person, ip })
    return undefined
  })
  bind(app, 'listRuntimeRevocations', admin, ({ params, query }) =>
    listRevocations(db, { owner_id: params.id, owner_kind: 'runtime' }, { limit: 25, ...query }),
  )
}
