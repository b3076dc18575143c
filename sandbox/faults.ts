import type { ServerResponse } from 'node:http'
import { setTimeout as after } from 'node:timers/promises'

export const FAULT_KINDS = [
  'status',
  'html',
  'delay',
  'redirect',
  'endless',
  'reset',
  'other-forge',
  'answer',
] as const

/** What the forge answers instead of the truth, for tests of what its callers make of it. */
export interface Fault {
  kind: (typeof FAULT_KINDS)[number]
  /** Paths that start with this; `/api/` when it is not given. */
  match: string
  status: number
  delay_ms: number
  location: string
  /** Seconds in the `Retry-After` header of a `status`; null: no such header. */
  retry_after: number | null
  /** What an `answer` says, as JSON unless it names another type, with its status. */
  body: string
  content_type: string
  /** How many more answers it spoils; null until it is removed. */
  times: number | null
  /** Aborts when it is removed: what it delays is then answered. */
  removed: AbortSignal
}

const STATUSES: Partial<Record<Fault['kind'], number>> = { redirect: 302, html: 200, answer: 200 }

/**
 * Reads a fault from the body of a control call.
 * @param removed aborts when faults are removed
 * @throws Error that says what is wrong with it
 */
export function readFault(body: Record<string, unknown>, removed: AbortSignal): Fault {
  const kind = FAULT_KINDS.find((one) => one === body.kind)
  if (!kind) throw new Error(`kind must be one of ${FAULT_KINDS.join(', ')}`)
  return {
    kind,
    match: typeof body.match === 'string' ? body.match : '/api/',
    status: Number(body.status ?? STATUSES[kind] ?? 503),
    delay_ms: Number(body.delay_ms ?? 1000),
    location: typeof body.location === 'string' ? body.location : '/user/login',
    body: typeof body.body === 'string' ? body.body : '',
    content_type:
      typeof body.content_type === 'string' ? body.content_type : 'application/json;charset=utf-8',
    retry_after: typeof body.retry_after === 'number' ? body.retry_after : null,
    times: typeof body.times === 'number' ? body.times : null,
    removed,
  }
}

/** The first fault that fits the path, with one of its times used up. */
export function takeFault(faults: Fault[], path: string): Fault | undefined {
  const fault = faults.find((one) => one.times !== 0 && path.startsWith(one.match))
  if (fault && fault.times !== null) fault.times -= 1
  return fault
}

/** Spoils the answer. True when that was the answer; false when the real one is still to come. */
export async function spoil(response: ServerResponse, fault: Fault): Promise<boolean> {
  switch (fault.kind) {
    case 'delay':
      await after(fault.delay_ms, undefined, { ref: false, signal: fault.removed }).catch(() => {})
      return false
    case 'reset':
      response.socket?.resetAndDestroy()
      return true
    case 'redirect':
      response.writeHead(fault.status, { location: fault.location }).end()
      return true
    case 'html':
      response.writeHead(fault.status, { 'content-type': 'text/html; charset=utf-8' })
      response.end('<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>')
      return true
    case 'other-forge':
      response.writeHead(404, {
        'content-type': 'application/json',
        'x-gitlab-meta': '{"correlation_id":"sandbox","version":"1"}',
      })
      response.end('{"error":"404 Not Found"}')
      return true
    case 'answer':
      response.writeHead(fault.status, { 'content-type': fault.content_type }).end(fault.body)
      return true
    case 'endless':
      response.writeHead(200, { 'content-type': 'application/json;charset=utf-8' })
      await writeForever(response)
      return true
    case 'status':
      if (fault.retry_after !== null) response.setHeader('retry-after', fault.retry_after)
      response.writeHead(fault.status, { 'content-type': 'application/json;charset=utf-8' })
      response.end('{"message":"the sandbox was asked to answer this"}\n')
      return true
  }
}

async function writeForever(response: ServerResponse): Promise<void> {
  const filling = Buffer.alloc(16 * 1024, ' ')
  response.write('{"login":"')
  while (!response.destroyed) {
    const room = response.write(filling)
    await new Promise<void>((resolve) => {
      const go = () => {
        response.off('drain', go).off('close', go)
        resolve()
      }
      if (room) setImmediate(go)
      else response.once('drain', go).once('close', go)
    })
  }
}
