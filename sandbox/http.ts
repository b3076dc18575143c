import type { IncomingMessage, ServerResponse } from 'node:http'

/** One request with its answer in the making. `params` are the named parts of the path. */
export interface Exchange {
  request: IncomingMessage
  response: ServerResponse
  url: URL
  params: Readonly<Record<string, string>>
}

export interface Route {
  method: string
  /** A path with named parts, such as `/api/v1/repos/{owner}/{repo}`. */
  pattern: string
  handle(exchange: Exchange): void | Promise<void>
}

export interface Match {
  route: Route
  params: Record<string, string>
}

const BODY_LIMIT = 1024 * 1024

/** Answers a finder for the first route that fits a method and a path. */
export function routeTable(routes: readonly Route[]) {
  const compiled = routes.map((route) => ({ route, expression: compile(route.pattern) }))
  return function find(method: string, path: string): Match | undefined {
    const wanted = method === 'HEAD' ? 'GET' : method
    for (const { route, expression } of compiled) {
      if (route.method !== wanted) continue
      const match = expression.exec(path)
      if (match) return { route, params: { ...match.groups } }
    }
    return undefined
  }
}

/** The named part of the path: it is there, because the pattern names it. */
export function param(exchange: Exchange, name: string): string {
  return decodePart(exchange.params[name] ?? '')
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json;charset=utf-8' })
  response.end(`${JSON.stringify(body)}\n`)
}

export function sendText(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...headers })
  response.end(text)
}

export function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location })
  response.end()
}

/** Reads a small body to its end. Rejects when it is longer than 1 MiB. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length > BODY_LIMIT) throw new Error('request body is longer than 1 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Reads the fields of an HTML form. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  return new URLSearchParams(await readBody(request))
}

export function readCookie(request: IncomingMessage, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = pair.trim().split('=')
    if (key === name) return value
  }
  return undefined
}

function compile(pattern: string): RegExp {
  const source = pattern
    .split(/(\{\w+\})/)
    .map((part) => (part.startsWith('{') ? `(?<${part.slice(1, -1)}>[^/]+)` : RegExp.escape(part)))
    .join('')
  return new RegExp(`^${source}$`)
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
