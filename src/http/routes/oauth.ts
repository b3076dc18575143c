import type { FastifyInstance } from 'fastify'
import {
  beginAuthorization,
  confirmAccount,
  getAuthorizationRequest,
} from '../../authorizations/authorization-requests.ts'
import {
  completeAuthorization,
  findReturned,
  type ReturnedRequest,
} from '../../authorizations/complete-authorization.ts'
import {
  beginDeviceAuthorization,
  cancelAuthorization,
} from '../../authorizations/device-requests.ts'
import { callbackPath } from '../../contract/index.ts'
import { countAttempt } from '../../people/attempts.ts'
import { toProblemError } from '../app.ts'
import { bind } from '../bind.ts'
import type { ServerParts } from '../server-parts.ts'
import { sendStoppedPage } from './stopped-page.ts'

/** Authorizations that a person may begin, or go on with, for themselves and for runtimes. */
const BEGINNINGS = { most: 100, seconds: 300 }
/** Codes that a person may have Git hosts asked for. */
const DEVICE_BEGINNINGS = { most: 20, seconds: 300 }

/** Authorizing with OAuth2: there, back again, and how it went. */
export function oauthRoutes(app: FastifyInstance, parts: ServerParts): void {
  const { db, callers, page_url } = parts
  const { person } = callers

  for (const [name, for_runtime] of [
    ['beginAuthorization', false],
    ['beginRuntimeAuthorization', true],
  ] as const) {
    bind(app, name, person, async ({ body }, { caller, ip, request }) => {
      await countAttempt(db, `authorization ${caller.id}`, BEGINNINGS)
      return await beginAuthorization(db, {
        ...body,
        for_runtime,
        person: caller,
        ip,
        page_url,
        cookie: request.headers.cookie ?? '',
      })
    })
  }
  bind(app, 'beginDeviceAuthorization', person, async ({ body }, { caller, ip }) => {
    await countAttempt(db, `device-authorization ${caller.id}`, DEVICE_BEGINNINGS)
    return await beginDeviceAuthorization(db, { ...body, person: caller, ip, page_url })
  })
  bind(app, 'cancelAuthorizationRequest', person, async ({ params }, { caller, ip }) => {
    await cancelAuthorization(db, { id: params.id, person: caller, ip })
    return undefined
  })
  bind(app, 'getAuthorizationRequest', person, ({ params }, { caller }) =>
    getAuthorizationRequest(db, caller.id, params.id),
  )
  bind(app, 'confirmAuthorizationRequest', person, async ({ params }, { caller, ip }) => {
    await countAttempt(db, `authorization ${caller.id}`, BEGINNINGS)
    return await confirmAccount(db, { id: params.id, person: caller, ip })
  })

  app.get<{ Params: { provider_id: string } }>(
    callbackPath(':provider_id'),
    async (request, reply) => {
      const query = new URL(request.url, page_url).searchParams
      reply.header('cache-control', 'no-store')
      let list = '/tokens'
      try {
        const caller = await person(request, { caller: 'person' })
        const { ip, params, headers } = request
        const row = await findReturned(db, {
          owner_id: caller.id,
          provider_id: params.provider_id,
          cookie: headers.cookie ?? '',
          page_url,
          state: query.get('state') ?? '',
        })
        if (row.for_runtime && caller.role === 'admin') list = `/admin/runtimes/${row.runtime_id}`
        await completeAuthorization(db, row, { person: caller, ip, query })
        return await reply.redirect(`${panelOf(row)}?request=${row.id}`, 303)
      } catch (error) {
        const problem = toProblemError(error, request)
        // The address has all that is needed to go on from here, so the browser stays at it.
        if (problem.status >= 500) return sendStoppedPage(reply, problem)
        // Only the type travels in the address; the page has its sentences from the list of types.
        return await reply.redirect(`${list}?problem=${problem.type}`, 303)
      }
    },
  )
}

function panelOf({ for_runtime, runtime_id, provider_id }: ReturnedRequest): string {
  return for_runtime
    ? `/admin/runtimes/${runtime_id}/token/${provider_id}`
    : `/tokens/${runtime_id}/${provider_id}`
}
