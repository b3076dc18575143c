import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ProblemError, type Session } from '../../contract/index.ts'
import { sessionOf } from '../../people/session.ts'
import { sendProblem } from '../app.ts'
import type { ServerParts } from '../server-parts.ts'

const NONCE_PLACE = '__CSP_NONCE__'
const SESSION_PLACE = '__SESSION__'

/** For so long a page waits to be told who is looking; then it comes without, and asks itself. */
const SESSION_WAIT_MS = 500

/** Serves the built pages in `folder`: files by name, and `index.html` for every other address. */
export async function pageRoutes(
  app: FastifyInstance,
  folder: string,
  parts: Pick<ServerParts, 'db' | 'auth' | 'version'>,
): Promise<void> {
  const index = await readFile(join(folder, 'index.html'), 'utf8')
  await app.register(fastifyStatic, {
    root: folder,
    index: false,
    wildcard: false,
    preCompressed: true,
    immutable: true,
    maxAge: '365d',
    allowedPath: (path) => path !== '/index.html' && !path.startsWith('/.'),
    setHeaders: (response, path) => {
      if (!path.includes('/assets/')) response.header('cache-control', 'public, max-age=300')
    },
  })
  app.setNotFoundHandler(async (request, reply) => {
    const isPage = request.method === 'GET' && !/^\/(api|assets)\//.test(request.url)
    if (!isPage) return sendProblem(reply, new ProblemError('not-found', 'Check the address.'))
    const session = await sessionFor(parts, request)
    const nonce = randomBytes(16).toString('base64')
    return reply
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('content-security-policy', contentSecurityPolicy(nonce))
      .send(
        index
          .replaceAll(NONCE_PLACE, nonce)
          .replace(SESSION_PLACE, () => inAttribute(session ?? null)),
      )
  })
}

/**
 * Who is looking, so that the page need not ask. A visit that begins at another site is one, too:
 * the answer is for whoever looks at the page, and no other site can read it.
 */
async function sessionFor(
  { auth, ...parts }: Pick<ServerParts, 'db' | 'auth' | 'version'>,
  { headers: { cookie }, log }: FastifyRequest,
): Promise<Session | undefined> {
  const done = new AbortController()
  const late = pause(SESSION_WAIT_MS, undefined, { signal: done.signal }).catch(() => undefined)
  const caller = cookie === undefined ? Promise.resolve(undefined) : auth.whoIs(cookie)
  const session = caller
    .then((found) => sessionOf(parts, found))
    .catch((error: unknown) => void log.warn({ err: error }, 'a page goes without its session'))
    .finally(() => done.abort())
  return (await Promise.race([session, late])) ?? undefined
}

/** JSON as the value of an attribute in double quotes. */
function inAttribute(value: unknown): string {
  return JSON.stringify(value).replaceAll('&', '&amp;').replaceAll('"', '&quot;')
}

/** @see https://www.w3.org/TR/CSP3/ */
function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'self'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "object-src 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
  ].join('; ')
}
