import type { FastifyRequest } from 'fastify'
import { type Endpoint, ProblemError } from '../contract/index.ts'
import { isWithin } from '../people/attempts.ts'
import { type Auth, type InBrowser, notSignedIn, type SignedIn } from '../people/auth.ts'
import { ownerOfToken } from '../people/person-tokens.ts'
import { recordDenial } from '../policy/decide.ts'
import type { Db } from '../store/database.ts'

/**
 * Finds the signed-in person behind a request: of a page, by the cookie of its session, or of a
 * command line, by its token. Keeps other sites out.
 */
export interface PageCallers {
  /** Anyone at all; a request from another site is turned away. */
  anyone(request: FastifyRequest): Promise<SignedIn | undefined>
  /** @throws ProblemError `not-signed-in`, and `not-an-administrator` for an `admin` endpoint */
  person(request: FastifyRequest, endpoint: Pick<Endpoint, 'caller'>): Promise<SignedIn>
  /** The token that a command line sends, whether or not it is one; RFC 6750 §2.1. */
  token(request: FastifyRequest): string | undefined
  /** A person with a browser's session. @throws ProblemError `not-signed-in` */
  browser(request: FastifyRequest, endpoint: Pick<Endpoint, 'caller'>): Promise<InBrowser>
}

export function createPageCallers(db: Db, auth: Auth, page_url: string): PageCallers {
  async function anyone(request: FastifyRequest): Promise<SignedIn | undefined> {
    refuseOtherSites(request, page_url)
    const token = bearerToken(request)
    // Who sends a token means it: whatever cookie is there does not count.
    if (token !== undefined) return await ownerOfToken(db, token)
    return await inBrowser(request)
  }

  async function inBrowser({ headers }: FastifyRequest): Promise<InBrowser | undefined> {
    return headers.cookie === undefined ? undefined : await auth.whoIs(headers.cookie)
  }

  async function admitted<Person extends SignedIn>(
    person: Person | undefined,
    request: FastifyRequest,
    endpoint: Pick<Endpoint, 'caller'>,
  ): Promise<Person> {
    if (person === undefined) throw notSignedIn()
    if (endpoint.caller === 'admin' && person.role !== 'admin') {
      await recordSomeDenials(db, person, request)
      throw new ProblemError('not-an-administrator', 'Ask an administrator to do this.')
    }
    return person
  }

  return {
    anyone,
    person: async (request, endpoint) => admitted(await anyone(request), request, endpoint),
    token: bearerToken,
    async browser(request, endpoint) {
      if (bearerToken(request) !== undefined) {
        throw new ProblemError('not-signed-in', 'Do this on a page, signed in with a browser.')
      }
      refuseOtherSites(request, page_url)
      return await admitted(await inBrowser(request), request, endpoint)
    },
  }
}

/** The audit trail only grows: what one person is refused fills it no further than this. */
const DENIALS = { most: 60, seconds: 300 }

async function recordSomeDenials(
  db: Db,
  actor: SignedIn,
  { method, url, ip }: FastifyRequest,
): Promise<void> {
  if (!(await isWithin(db, `denial ${actor.id}`, DENIALS))) return
  const subject = `${method} ${url.split('?', 1)[0]}`
  const reason = 'not-an-administrator'
  await recordDenial(db, { actor, action: 'administration', subject, reason, ip })
}

function bearerToken({ headers }: FastifyRequest): string | undefined {
  return /^bearer (.*)$/i.exec(headers.authorization ?? '')?.[1]?.trim()
}

/**
 * Refuses what another site made a browser send. Browsers say where a request comes from in
 * headers that no script can set; callers that are not browsers send neither.
 *
 * @see https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
 */
function refuseOtherSites(request: FastifyRequest, page_url: string): void {
  if (request.method === 'GET') return
  const site = request.headers['sec-fetch-site']
  const { origin } = request.headers
  const own =
    site === undefined ? origin === undefined || origin === page_url : site === 'same-origin'
  if (!own) throw new ProblemError('origin-not-allowed', `Use the pages at ${page_url}.`)
}
