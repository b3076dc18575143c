import { setTimeout as pause } from 'node:timers/promises'
import type { TSchema } from 'typebox'
import Value from 'typebox/value'
import { getAuthorizationRequest } from '../../authorizations/authorization-requests.ts'
import { getAccess } from '../../authorizations/get-access.ts'
import { listAccess } from '../../authorizations/list-access.ts'
import { listRevocations } from '../../authorizations/revocations.ts'
import {
  addressOf,
  type CallInput,
  type Endpoint,
  type EndpointName,
  endpoints,
  Id,
  type Input,
  type Person,
  type Result,
} from '../../contract/index.ts'
import { nextChange } from '../../events/next-change.ts'
import { listRuntimes } from '../../runtimes/runtimes.ts'
import type { ServerParts } from '../server-parts.ts'

type Parts = Pick<ServerParts, 'db' | 'broker'>

/** Something that a page asks for first, so that its answer may as well come with the page. */
export interface EarlyAnswer {
  address: string
  schema: TSchema
  read: () => Promise<object | undefined>
}

/** What the page at `url` asks for first, in the very words in which it asks. */
export function earlyAnswers({ db }: Parts, { id, role }: Person, url: URL): EarlyAnswer[] {
  const row = rowAt(url)
  if (row === undefined) return []
  const inNeed = { in_need: true }
  const most = { ...inNeed, limit: 100 }
  const answers = [early('listAccess', { query: most }, () => listAccess(db, id, most))]
  const grants = { owner_id: id, owner_kind: 'person' } as const
  answers.push(early('listRevocations', {}, () => listRevocations(db, grants, { limit: 25 })))
  if (role === 'admin') {
    const read = () => listRuntimes(db, { ...inNeed, limit: 25 })
    answers.push(early('listRuntimes', { query: inNeed }, read))
  }
  if (!url.searchParams.get('q')) {
    answers.push(early('listAccess', {}, () => listAccess(db, id, { limit: 25 })))
  }
  const request = requestAt(url)
  if (request !== undefined) {
    const read = () => getAuthorizationRequest(db, id, request)
    answers.push(early('getAuthorizationRequest', { params: { id: request } }, read))
  } else if (row !== null) {
    answers.push(early('getAccess', { params: row }, () => getAccess(db, id, row)))
  }
  return answers
}

function early<Name extends EndpointName>(
  name: Name,
  input: Input<Name> & CallInput,
  read: () => Promise<Result<Name>>,
): EarlyAnswer {
  const { path, result } = endpoints[name] as Endpoint & { result: TSchema }
  return { address: addressOf({ path }, input), schema: result, read }
}

/** The row whose panel a page of tokens shows; null: none. Undefined: it is another page. */
function rowAt({ pathname }: URL): { runtime_id: string; provider_id: string } | null | undefined {
  const [, list, runtime_id, provider_id, ...more] = pathname.split('/')
  if (list !== 'tokens' || more.length > 0) return undefined
  if (runtime_id === undefined) return null
  return isId(runtime_id) && isId(provider_id) ? { runtime_id, provider_id } : undefined
}

/** The authorization from which the browser comes back. */
function requestAt({ searchParams }: URL): string | undefined {
  const id = searchParams.get('request')
  return isId(id) ? id : undefined
}

function isId(text: unknown): text is string {
  return Value.Check(Id, text)
}

/** For how many milliseconds the end of a page may come later. */
const WAITS = {
  /** For an authorization that is being finished, which mostly is over by then. */
  authorization: 500,
  /** For everything. */
  answers: 1000,
}

/**
 * Reads the answers, and when the browser is back from a Git host not before that authorization is
 * over: so they have the filled row.
 *
 * @param serialize lets nothing out that the schema does not name
 * @returns a JSON object with an answer by its address, for each that can be read in time
 */
export async function readInTime(
  parts: Parts,
  person: Person,
  url: URL,
  answers: readonly EarlyAnswer[],
  serialize: (answer: object | undefined, schema: TSchema) => string,
  waits = WAITS,
): Promise<string> {
  const members: string[] = []
  async function readAll(): Promise<void> {
    const id = requestAt(url)
    // One that is not there is said so where it is asked for.
    if (id) await authorizationEnded(parts, person, id, waits.authorization).catch(() => {})
    await Promise.allSettled(answers.map(readOne))
  }
  async function readOne({ address, schema, read }: EarlyAnswer): Promise<void> {
    members.push(`${JSON.stringify(address)}:${serialize(await read(), schema)}`)
  }
  const done = new AbortController()
  const late = pause(waits.answers, undefined, { signal: done.signal })
  // What cannot be read, the page asks for itself, and tells why.
  await Promise.race([readAll(), late]).catch(() => {})
  done.abort()
  return `{${members.join()}}`
}

async function authorizationEnded(
  { db, broker }: Parts,
  person: Person,
  id: string,
  ms: number,
): Promise<void> {
  const until = performance.now() + ms
  for (;;) {
    const left = Math.max(0, until - performance.now())
    using change = nextChange(broker, id, left)
    const { status } = await getAuthorizationRequest(db, person.id, id)
    if (status !== 'exchanging' || left === 0) return
    await change.happened
  }
}
