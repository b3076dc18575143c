import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A Git host that grants and refreshes, speaks as a Gitea does, and counts. */
export interface TokenServer extends AsyncDisposable {
  url: string
  /** When each call to the token endpoint came, in milliseconds, since `forget`. */
  asked_at: number[]
  /** Calls above the limit; each was answered 429. */
  over_limit: number
  /** Refresh tokens that came a second time; each was refused. */
  used_twice: number
  /** Milliseconds that it spent on answers, since `forget`. */
  spent_ms: number
  forget(): void
  /** Answers of the token endpoint wait until `release`. */
  hold(): void
  release(): void
}

export interface TokenServerOptions {
  /** Calls to the token endpoint that it allows in any second. */
  a_second?: number
  /** Seconds that an access token lives. */
  lifetime?: number
}

/** The refresh token of somebody who has just been granted one: each is good for one use. */
export function firstRefreshToken(owner: string): string {
  return `refresh.${owner}.0`
}

/** Serves on the loopback interface until disposed. Everybody is signed in and agrees. */
export async function startTokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const { a_second = Number.POSITIVE_INFINITY, lifetime = 3600 } = options
  const counted = nothingCounted()
  const generations = new Map<string, number>()
  let accounts = 0
  let held: Promise<void> | undefined
  let release = () => {}

  async function token(form: URLSearchParams): Promise<Answer> {
    const now = performance.now()
    counted.asked_at.push(now)
    const before = counted.asked_at[counted.asked_at.length - 1 - a_second]
    if (before !== undefined && before > now - 1000) {
      counted.over_limit += 1
      return {
        status: 429,
        headers: { 'retry-after': '1' },
        body: { message: 'too many requests' },
      }
    }
    await held
    const [, owner = '', generation = ''] = (form.get('refresh_token') ?? '').split('.')
    if (form.get('grant_type') === 'authorization_code') return granted(form.get('code') ?? '', 0)
    if (Number(generation) !== (generations.get(owner) ?? 0)) {
      counted.used_twice += 1
      return { status: 400, body: { error: 'invalid_grant' } }
    }
    return granted(owner, Number(generation) + 1)
  }

  function granted(owner: string, generation: number): Answer {
    generations.set(owner, generation)
    const body = {
      access_token: `access.${owner}.${generation}`,
      token_type: 'bearer',
      expires_in: lifetime,
      refresh_token: `refresh.${owner}.${generation}`,
    }
    return { status: 200, body }
  }

  async function answer(request: IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? '/', 'http://host.invalid')
    switch (url.pathname) {
      case '/login/oauth/access_token':
        return await token(new URLSearchParams(await textOf(request)))
      case '/login/oauth/authorize': {
        accounts += 1
        const back = new URL(url.searchParams.get('redirect_uri') ?? '')
        back.searchParams.set('code', `code-${accounts}`)
        back.searchParams.set('state', url.searchParams.get('state') ?? '')
        return { status: 302, headers: { location: back.href } }
      }
      case '/api/v1/version':
        return { status: 200, body: { version: '1.25.2' } }
      case '/api/v1/user':
        return { status: 200, body: { id: 1, login: 'alice', full_name: 'Alice', email: '' } }
      default:
        // Gitea tells the scopes of a token with a refusal.
        return { status: 403, body: { message: `token scope=${SCOPES}` } }
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const began = performance.now()
    response.once('close', () => {
      counted.spent_ms += performance.now() - began
    })
    const { status, headers = {}, body } = await answer(request)
    request.resume()
    const text = body === undefined ? '' : JSON.stringify(body)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
  }

  const server = createServer((request, response) => void handle(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(counted, {
    url,
    forget: () => void Object.assign(counted, nothingCounted()),
    hold() {
      ;({ promise: held, resolve: release } = Promise.withResolvers<void>())
    },
    release: () => release(),
    async [Symbol.asyncDispose]() {
      release()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  })
}

function nothingCounted() {
  return { asked_at: [] as number[], over_limit: 0, used_twice: 0, spent_ms: 0 }
}

const SCOPES = 'read:user,write:repository'

interface Answer {
  status: number
  headers?: Record<string, string>
  body?: object
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}
