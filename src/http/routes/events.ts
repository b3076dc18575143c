import type { FastifyInstance } from 'fastify'
import {
  ALIVE_EVENT,
  administrationEvents,
  EVENTS_PATH,
  ProblemError,
} from '../../contract/index.ts'
import type { SignedIn } from '../../people/auth.ts'
import type { ServerParts } from '../server-parts.ts'

/**
 * Proxies close connections on which nothing moves; a word now and then keeps this one. Each is also
 * the moment in which it is looked up anew who listens, so no stream outlives its session by more.
 */
const KEEP_ALIVE_SECONDS = 15
const ALIVE = `event: ${ALIVE_EVENT}\ndata: ${KEEP_ALIVE_SECONDS}\n\n`

/** Far more pages than anybody has in sight at once. */
const MOST_OF_ONE_PERSON = 64

/** What is kept for a page that does not read, as on a machine that sleeps: thousands of changes. */
const MOST_UNREAD_BYTES = 1024 * 1024

/**
 * The event stream: one line per change that the person may hear of.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function eventRoutes(app: FastifyInstance, { callers, broker }: ServerParts): void {
  /** What ends each stream, and whose it is. */
  const open = new Map<() => void, string>()

  app.get(EVENTS_PATH, async (request, reply) => {
    const person = await callers.person(request, { caller: 'person' })
    const own = [...open.values()].filter((id) => id === person.id).length
    if (own >= MOST_OF_ONE_PERSON) {
      throw new ProblemError(
        'too-many-attempts',
        `You have ${own} pages open that listen for changes. Close some of them.`,
        { extensions: { retry_after: KEEP_ALIVE_SECONDS } },
      )
    }
    reply.hijack()
    const { raw } = reply
    // Who has gone meanwhile is not heard of again: there is nothing left to close.
    if (raw.destroyed) return
    for (const [name, value] of Object.entries(reply.getHeaders())) {
      if (value !== undefined) raw.setHeader(name, value)
    }
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    })
    if (request.method === 'HEAD') return void raw.end()
    raw.write(`retry: 1000\n${ALIVE}`)
    const end = () => {
      clearInterval(keepAlive)
      unsubscribe()
      open.delete(end)
      raw.end()
    }
    /** A page that was left behind comes again, and reads everything anew. */
    const send = (text: string) => {
      if (raw.writableLength > MOST_UNREAD_BYTES) raw.destroy()
      else raw.write(text)
    }
    const unsubscribe = broker.subscribe(
      ({ name, owner_id }) =>
        owner_id === person.id ||
        (administrationEvents.includes(name) ? person.role === 'admin' : owner_id === null),
      ({ name, id }) => send(`event: ${name}\ndata: ${id}\n\n`),
      end,
    )
    const keepAlive = setInterval(async () => {
      const holds = await stillHolds(person, () => callers.anyone(request))
      if (!holds) end()
      else if (open.has(end)) send(ALIVE)
    }, KEEP_ALIVE_SECONDS * 1000)
    open.set(end, person.id)
    raw.on('close', end)
  })

  app.addHook('preClose', () => {
    for (const end of open.keys()) end()
  })
}

/** Whether whoever listens is who they were. Not if that cannot be found out: pages come again. */
async function stillHolds(
  { id, role }: SignedIn,
  whoIs: () => Promise<SignedIn | undefined>,
): Promise<boolean> {
  const now = await whoIs().catch(() => undefined)
  return now?.id === id && now.role === role
}
