import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Session } from '../../contract/index.ts'
import { countAttempt } from '../../people/attempts.ts'
import { acceptInvite, readInvite } from '../../people/invites.ts'
import { updateAccount } from '../../people/people.ts'
import { endPersonToken } from '../../people/person-tokens.ts'
import { sessionOf } from '../../people/session.ts'
import { bind } from '../bind.ts'
import type { ServerParts } from '../server-parts.ts'

/** Changes of one's own name, each of which the pages of all administrators hear of. */
const NAMES = { most: 20, seconds: 300 }

/** Signing in and out, and joining by invitation. */
export function sessionRoutes(app: FastifyInstance, parts: ServerParts): void {
  const { db, auth, callers } = parts

  async function enter(cookies: string[], reply: FastifyReply): Promise<Session> {
    reply.header('set-cookie', cookies)
    return await sessionOf(parts, await auth.whoIs(cookieHeader(cookies)))
  }

  bind(app, 'getSession', callers.anyone, (_input, { caller }) => sessionOf(parts, caller))

  bind(app, 'signIn', callers.anyone, async ({ body }, { ip, reply }) =>
    enter(await auth.signIn({ ...body, ip }), reply),
  )

  bind(app, 'signOut', callers.anyone, async (_input, { ip, request, reply }) => {
    const token = callers.token(request)
    if (token !== undefined) {
      await endPersonToken(db, { token, ip })
      return undefined
    }
    const cookie = request.headers.cookie ?? ''
    reply.header('set-cookie', await auth.signOut({ cookie, ip }))
    return undefined
  })

  bind(app, 'updateAccount', callers.browser, async ({ body }, { caller, ip }) => {
    await countAttempt(db, `account ${caller.id}`, NAMES)
    return await updateAccount(db, { actor: caller, ip, id: caller.id, name: body.name.trim() })
  })

  bind(app, 'changePassword', callers.browser, async ({ body }, { caller, ip, reply }) => {
    reply.header('set-cookie', await auth.changePassword({ ...body, person: caller, ip }))
    return undefined
  })

  bind(app, 'endSessions', callers.browser, async (_input, { caller, ip, request, reply }) => {
    const cookie = request.headers.cookie ?? ''
    reply.header('set-cookie', await auth.signOutEverywhere({ person: caller, cookie, ip }))
    return undefined
  })

  bind(app, 'readInvite', callers.anyone, ({ body }) => readInvite(db, body.token))

  bind(app, 'acceptInvite', callers.anyone, async ({ body }, { ip, reply }) => {
    await acceptInvite(db, auth, { ...body, ip })
    const email = body.email.toLowerCase()
    return await enter(await auth.openSession({ email, password: body.password, ip }), reply)
  })
}

/** The `Cookie` header that a browser would send after these `Set-Cookie` values. */
function cookieHeader(cookies: readonly string[]): string {
  return cookies.map((cookie) => cookie.split(';', 1)[0]).join('; ')
}
