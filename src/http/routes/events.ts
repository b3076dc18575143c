import type { FastifyInstance } from 'fastify'
import { administrationEvents, EVENTS_PATH } from '../../contract/index.ts'
import type { SignedIn } from '../../people/auth.ts'
import type { ServerParts } from '../server-parts.ts'

/**
 * Proxies close connections on which nothing moves; a comment now and then keeps this one. Each is
 * also the moment in which it is looked up anew who listens, so no stream outlives its session by more.
 */
const KEEP_ALIVE_MS = 15_000

/**
 * The event stream: one line per change that the person may hear of.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function eventRoutes(app: FastifyInstance, { callers, broker }: ServerParts): void {
  const open = new Set<() => void>()

  app.get(EVENTS_PATH, async (request, reply) => {
    const person = await callers.person(request, { caller: 'person' })
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
    raw.write('retry: 1000\n\n')
    const end = () => {
      clearInterval(keepAlive)
      unsubscribe()
      open.delete(end)
      raw.end()
    }
    const unsubscribe = broker.subscribe(
      ({ name, owner_id }) =>
        owner_id === person.id ||
        (owner_id === null && (person.role === 'admin' || !administrationEvents.includes(name))),
      ({ name, id }) => raw.write(`event: ${name}\ndata: ${id}\n\n`),
      end,
    )
    const keepAlive = setInterval(async () => {
      const holds = await stillHolds(person, () => callers.anyone(request))
      if (!holds) end()
      else if (open.has(end)) raw.write(':\n\n')
    }, KEEP_ALIVE_MS)
    open.add(end)
    raw.on('close', end)
  })

  app.addHook('preClose', () => {
    for (const end of open) end()
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
