import type { FastifyInstance } from 'fastify'
import {
  answerDeviceSignIn,
  beginDeviceSignIn,
  readDeviceSignIn,
  redeemDeviceSignIn,
} from '../../people/device-sign-in.ts'
import { bind } from '../bind.ts'
import type { ServerParts } from '../server-parts.ts'

/** Signing in a command line with a code that the person approves on a page, RFC 8628. */
export function deviceSignInRoutes(
  app: FastifyInstance,
  parts: ServerParts,
  session_secret: string,
): void {
  const { db, callers, page_url } = parts

  bind(app, 'beginDeviceSignIn', callers.anyone, ({ body }, { ip }) =>
    beginDeviceSignIn(db, { ...body, ip, page_url, session_secret }),
  )
  bind(app, 'redeemDeviceSignIn', callers.anyone, ({ body }, { ip }) =>
    redeemDeviceSignIn(db, { ...body, ip }),
  )
  bind(app, 'readDeviceSignIn', callers.browser, ({ body }, { caller: person }) =>
    readDeviceSignIn(db, { ...body, person, session_secret }),
  )
  bind(app, 'answerDeviceSignIn', callers.browser, async ({ body }, { caller: person, ip }) => {
    await answerDeviceSignIn(db, { ...body, person, ip, session_secret })
    return undefined
  })
}
