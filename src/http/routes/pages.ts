import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { EARLY_ANSWERS, ProblemError, type Session } from '../../contract/index.ts'
import { sessionOf } from '../../people/session.ts'
import { sendProblem } from '../app.ts'
import type { ServerParts } from '../server-parts.ts'
import { earlyAnswers, readInTime } from './early-answers.ts'

const NONCE_PLACE = '__CSP_NONCE__'
const SESSION_PLACE = '__SESSION__'
const ADDRESSES_PLACE = '__EARLY_ADDRESSES__'
/** The page is started with all that is before it. */
const ANSWERS_PLACE = '<!-- early answers -->'

/** For so long a page waits to be told who is looking; then it comes without, and asks itself. */
const SESSION_WAIT_MS = 500

/**
 * Serves the built pages in `folder`: files by name, and `index.html` for every other address. What
 * a page asks for first comes at its end, while the browser has started it already.
 */
export async function pageRoutes(
  app: FastifyInstance,
  folder: string,
  parts: Pick<ServerParts, 'db' | 'auth' | 'broker' | 'version'>,
): Promise<void> {
  const index = await readFile(join(folder, 'index.html'), 'utf8')
  const [before = '', end = ''] = index.split(ANSWERS_PLACE)
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
    const isPage = /^(GET|HEAD)$/.test(request.method) && !/^\/(api|assets)\//.test(request.url)
    if (!isPage) return sendProblem(reply, new ProblemError('not-found', 'Check the address.'))
    const session = await sessionFor(parts, request)
    const person = session?.person
    const url = URL.parse(request.url, 'http://page.invalid')
    const answers = person && url ? earlyAnswers(parts, person, url) : []
    const nonce = randomBytes(16).toString('base64')
    // The session goes in last: the name in it may be the word for any of these places.
    const start = before
      .replaceAll(NONCE_PLACE, nonce)
      .replace(ADDRESSES_PLACE, () => inAttribute(answers.map(({ address }) => address)))
      .replace(SESSION_PLACE, () => inAttribute(session ?? null))
    reply
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('content-security-policy', contentSecurityPolicy(nonce))
    if (!person || !url || answers.length === 0) return reply.send(start + end)
    const serialize = (answer: object | undefined, schema: object) =>
      reply.serializeInput({ ...answer }, schema as Record<string, unknown>)
    const json = readInTime(parts, person, url, answers, serialize)
    // A proxy that waits for the end of a page would hold up its start.
    return reply.header('x-accel-buffering', 'no').send(Readable.from(inParts(start, json, end)))
  })
}

/** The page in two parts: what starts it, and its end with the answers. */
async function* inParts(start: string, json: Promise<string>, end: string): AsyncGenerator<string> {
  yield start
  const text = (await json).replaceAll('<', '\\u003c')
  yield `<script type="application/json" id="${EARLY_ANSWERS}">${text}</script>${end}`
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
