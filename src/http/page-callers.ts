import type { FastifyRequest } from 'fastify'
import { type Endpoint, ProblemError } from '../contract/index.ts'
import type { Auth, SignedIn } from '../people/auth.ts'
import { recordDenial } from '../policy/decide.ts'
import type { Db } from '../store/database.ts'

/** Finds the signed-in person behind a request of a page, and keeps other sites out. */
export interface PageCallers {
  /** Anyone at all; a request from another site is turned away. */
  anyone(request: FastifyRequest): Promise<SignedIn | undefined>
  /** @throws ProblemError `not-signed-in`, and `not-an-administrator` for an `admin` endpoint */
  person(request: FastifyRequest, endpoint: Pick<Endpoint, 'caller'>): Promise<SignedIn>
}

export function createPageCallers(db: Db, auth: Auth, page_url: string): PageCallers {
  async function anyone(request: FastifyRequest): Promise<SignedIn | undefined> {
    refuseOtherSites(request, page_url)
    const { cookie } = request.headers
    return cookie === undefined ? undefined : await auth.whoIs(cookie)
  }
  return {
    anyone,
    async person(request, endpoint) {
      const person = await anyone(request)
      if (person === undefined) {
        throw new ProblemError('not-signed-in', 'Sign in, then try again.')
      }
      if (endpoint.caller === 'admin' && person.role !== 'admin') {
        const subject = `${request.method} ${request.url.split('?', 1)[0]}`
        await recordDenial(db, { actor: person, subject, ip: request.ip })
        throw new ProblemError('not-an-administrator', 'Ask an administrator to do this.')
      }
      return person
    },
  }
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
