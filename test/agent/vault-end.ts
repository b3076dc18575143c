import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import {
  type Credential,
  ProblemError,
  type ProblemExtensions,
  type ProblemType,
  type RuntimeView,
} from '../../src/contract/index.ts'
import { freePort } from '../harness/ports.ts'

/** What the other end of the wire received. */
export interface Call {
  method: string
  path: string
  query: Record<string, string>
  authorization: string | undefined
  body: unknown
}

export type Answer = { status: number; body: unknown } | 'hang up' | 'no answer'

/** The vault's end of the wire: real HTTP, answers as the contract has them. */
export interface VaultEnd extends AsyncDisposable {
  url: string
  calls: Call[]
  /** How many connections were made to it. */
  connections: () => number
  /** Resolves with the next call to `path`. */
  nextCall: (path: string) => Promise<Call>
}

export const TOKEN = 'canary-token-8b1f'
export const KEY = 'csr_test'

export const credential: Credential = {
  protocol: 'https',
  host: 'git.example.com',
  username: 'oauth2',
  password: TOKEN,
  password_expiry_utc: null,
  min_ttl_met: true,
  account: { login: 'alice', name: 'Alice', email: 'alice@forge.example' },
}

export async function startVaultEnd(answer: (call: Call) => Answer): Promise<VaultEnd> {
  const calls: Call[] = []
  const waiting: { path: string; resolve: (call: Call) => void }[] = []
  let connections = 0

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = await read(request)
    calls.push(call)
    for (const waiter of waiting.splice(0)) {
      if (waiter.path === call.path) waiter.resolve(call)
      else waiting.push(waiter)
    }
    const answered = answer(call)
    if (answered === 'hang up') request.socket.destroy()
    else if (answered !== 'no answer') send(response, answered.status, answered.body)
  }

  const server = createServer(handle)
  server.on('connection', () => {
    connections += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    connections: () => connections,
    nextCall: (path) => new Promise((resolve) => waiting.push({ path, resolve })),
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

export function ok(body: unknown): Answer {
  return { status: 200, body }
}

export function problem(
  type: ProblemType,
  detail: string,
  extensions: ProblemExtensions = {},
): Answer {
  const body = new ProblemError(type, detail, { extensions }).toProblem()
  return { status: body.status, body }
}

/** An address at which nothing listens. */
export async function freeAddress(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`
}

export const ids = {
  runtime: '00000000-0000-4000-8000-000000000001',
  person: '00000000-0000-4000-8000-000000000002',
  forge: '00000000-0000-4000-8000-000000000003',
  other: '00000000-0000-4000-8000-000000000004',
} as const

/** A runtime with two Git hosts and a person who has authorized the first. */
export function runtimeView(): RuntimeView & { person: object } {
  return {
    runtime: { id: ids.runtime, name: 'local', description: '' },
    page_url: 'http://localhost:7080',
    providers: [
      { id: ids.forge, kind: 'gitea', name: 'forge', base_url: 'https://git.example.com' },
      { id: ids.other, kind: 'gitea', name: 'other', base_url: 'http://localhost:7082' },
    ],
    own_tokens: [],
    person: {
      id: ids.person,
      name: 'Alice Example',
      email: 'alice@example.com',
      authorizations: [
        {
          provider_id: ids.forge,
          status: 'valid',
          account: {
            login: 'alice',
            name: 'Alice',
            email: 'alice@forge.example',
            avatar_url: null,
          },
        },
      ],
    },
  }
}

async function read(request: IncomingMessage): Promise<Call> {
  const url = new URL(request.url ?? '/', 'http://vault')
  const body = await text(request)
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    authorization: request.headers.authorization,
    body: body === '' ? undefined : JSON.parse(body),
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status
  if (body === undefined) response.end()
  else response.end(typeof body === 'string' ? body : JSON.stringify(body))
}
