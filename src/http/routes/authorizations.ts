import type { FastifyInstance } from 'fastify'
import Value from 'typebox/value'
import {
  createAuthorization,
  deleteAuthorization,
  updateAuthorization,
} from '../../authorizations/authorizations.ts'
import { fetchAvatar } from '../../authorizations/avatar.ts'
import { createCandidate, getCandidate } from '../../authorizations/candidates.ts'
import { requestCheck } from '../../authorizations/check-connection.ts'
import { getAccess } from '../../authorizations/get-access.ts'
import { listAccess } from '../../authorizations/list-access.ts'
import { createPictureCache } from '../../authorizations/picture-cache.ts'
import { listRevocations } from '../../authorizations/revocations.ts'
import { Id, ProblemError } from '../../contract/index.ts'
import { countAttempt, countCandidate, countCheck } from '../../people/attempts.ts'
import { bind } from '../bind.ts'
import type { ServerParts } from '../server-parts.ts'

/** Authorizations with a token there is, which may have that checked, those changed or taken back. */
const CHANGES = { most: 120, seconds: 300 }

/** Pictures that a person may have Git hosts asked for; those that are kept here do not count. */
const PICTURES = { most: 120, seconds: 300 }
const KEPT_PICTURES = { bytes: 16 * 1024 * 1024, age_ms: 3_600_000 }

/** What a person does with their own tokens. */
export function authorizationRoutes(app: FastifyInstance, parts: ServerParts): void {
  const { db, callers, outbound } = parts
  const { person } = callers
  const pictures = createPictureCache(KEPT_PICTURES)

  bind(app, 'listAccess', person, ({ query }, { caller }) =>
    listAccess(db, caller.id, { limit: 25, ...query }),
  )
  bind(app, 'getAccess', person, ({ params }, { caller }) => getAccess(db, caller.id, params))
  bind(app, 'createCandidate', person, async ({ body }, { caller, ip }) => {
    await countCandidate(db, caller)
    return await createCandidate(db, { ...body, for_runtime: false, person: caller, ip })
  })
  bind(app, 'getCandidate', person, ({ params }, { caller }) =>
    getCandidate(db, caller.id, params.id),
  )
  bind(app, 'createAuthorization', person, async ({ body }, { caller, ip }) => {
    await countAttempt(db, `authorization-change ${caller.id}`, CHANGES)
    return await createAuthorization(db, { ...body, person: caller, ip })
  })
  bind(app, 'updateAuthorization', person, async ({ params, body }, { caller, ip }) => {
    await countAttempt(db, `authorization-change ${caller.id}`, CHANGES)
    return await updateAuthorization(db, { ...params, ...body, person: caller, ip })
  })
  bind(app, 'deleteAuthorization', person, async ({ params }, { caller, ip }) => {
    await countAttempt(db, `authorization-change ${caller.id}`, CHANGES)
    await deleteAuthorization(db, { id: params.id, person: caller, ip })
    return undefined
  })
  bind(app, 'checkConnection', person, async ({ params }, { caller, ip }) => {
    await countCheck(db, caller)
    return await requestCheck(db, { id: params.id, person: caller, ip })
  })
  bind(app, 'listRevocations', person, ({ query }, { caller }) =>
    listRevocations(db, { owner_id: caller.id, owner_kind: 'person' }, { limit: 25, ...query }),
  )

  app.get<{ Params: { id: string } }>('/api/v1/connections/:id/avatar', async (request, reply) => {
    const caller = await person(request, { caller: 'person' })
    if (!Value.Check(Id, request.params.id)) {
      throw new ProblemError('not-found', 'There is no picture to show.')
    }
    const count = () => countAttempt(db, `picture ${caller.id}`, PICTURES)
    const wanted = { person: caller, connection_id: request.params.id }
    const picture = await fetchAvatar({ db, outbound, pictures, count }, wanted)
    return await reply
      .type(picture.type)
      .header('cache-control', 'private, max-age=3600')
      .header('content-security-policy', "default-src 'none'; sandbox")
      .send(picture.bytes)
  })
}
