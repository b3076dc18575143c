import { createServer, type Server } from 'node:http'
import {
  createAccessToken,
  createAccount,
  deleteAccessToken,
  findAccount,
  hashSecret,
} from './accounts.ts'
import { type CallLog, pathOf } from './calls.ts'
import { type Fault, readFault } from './faults.ts'
import { type Exchange, param, type Route, readBody, routeTable, sendJson } from './http.ts'
import type { AccessToken, Forge } from './state.ts'

type Body = Record<string, unknown>

/** A mistake of the caller: answered with status 400 and these words. */
class ControlError extends Error {}

/**
 * The control port: what tests do to the forge behind its users' backs. It has no authentication,
 * so it listens on loopback only and refuses what a browser sends.
 */
export function createControlServer(forge: Forge, faults: Fault[], calls: CallLog): Server {
  const find = routeTable([...stateRoutes(forge), ...trafficRoutes(faults, calls)])
  return createServer(async (request, response) => {
    const match = find(request.method ?? 'GET', pathOf(request))
    if (request.headers.origin !== undefined || request.headers['sec-fetch-site'] !== undefined) {
      return sendJson(response, 403, { error: 'the control port is not for browsers' })
    }
    if (!match) return sendJson(response, 404, { error: 'no such control' })
    const url = new URL(request.url ?? '/', 'http://control')
    try {
      await match.route.handle({ request, response, url, params: match.params })
    } catch (error) {
      const status = error instanceof ControlError || error instanceof SyntaxError ? 400 : 500
      sendJson(response, status, { error: error instanceof Error ? error.message : 'unknown' })
    }
  })
}

function stateRoutes(forge: Forge): Route[] {
  return [
    on('POST', '/control/tokens', (body) => {
      const account = findAccount(forge, text(body, 'login'))
      if (!account) throw new ControlError(`no account ${body.login}`)
      const scopes = Array.isArray(body.scopes) ? body.scopes.map(String) : []
      const { token, sha1 } = createAccessToken(forge, account, text(body, 'name'), scopes)
      return { id: token.id, sha1 }
    }),
    on('POST', '/control/tokens/expire', (body) => {
      endToken(forge, body, (token) => {
        token.expires_at = forge.now().toISOString()
      })
      return {}
    }),
    on('POST', '/control/tokens/revoke', (body) => {
      endToken(forge, body, (token) => deleteAccessToken(forge, token.id))
      return {}
    }),
    on('POST', '/control/users', async (body) => {
      const login = text(body, 'login')
      if (!/^\w[\w.-]*$/.test(login)) throw new ControlError(`${login} is no login`)
      if (findAccount(forge, login)) throw new ControlError(`account ${login} exists`)
      const account = await createAccount(forge, {
        login,
        password: text(body, 'password'),
        full_name: String(body.full_name ?? ''),
        email: text(body, 'email'),
      })
      return { id: account.id, login }
    }),
    on('POST', '/control/users/{login}/suspend', (_body, exchange) =>
      prohibitLogin(forge, param(exchange, 'login'), true),
    ),
    on('POST', '/control/users/{login}/unsuspend', (_body, exchange) =>
      prohibitLogin(forge, param(exchange, 'login'), false),
    ),
    on('GET', '/control/pushes', () => ({ pushes: forge.state.pushes })),
    on('POST', '/control/settings', ({ invalidate_refresh_tokens }) => {
      if (typeof invalidate_refresh_tokens !== 'boolean') {
        throw new ControlError('invalidate_refresh_tokens must be true or false')
      }
      return Object.assign(forge.settings, { invalidate_refresh_tokens })
    }),
  ]
}

function trafficRoutes(faults: Fault[], calls: CallLog): Route[] {
  let removing = new AbortController()
  return [
    on('POST', '/control/faults', (body) => {
      try {
        faults.push(readFault(body, removing.signal))
      } catch (error) {
        throw new ControlError(error instanceof Error ? error.message : 'bad fault')
      }
      return { faults }
    }),
    on('DELETE', '/control/faults', () => {
      faults.length = 0
      removing.abort()
      removing = new AbortController()
      return {}
    }),
    on('GET', '/control/calls', () => ({ counts: calls.counts(), calls: calls.list() })),
    on('DELETE', '/control/calls', () => {
      calls.clear()
      return {}
    }),
  ]
}

function on(
  method: string,
  pattern: string,
  act: (body: Body, exchange: Exchange) => object | Promise<object>,
): Route {
  return {
    method,
    pattern,
    async handle(exchange) {
      const body = await readBody(exchange.request)
      sendJson(exchange.response, 200, await act(body ? JSON.parse(body) : {}, exchange))
    },
  }
}

/** Ends a token that the body names by its value (`sha1`) or its number (`id`). */
function endToken(forge: Forge, body: Body, end: (token: AccessToken) => void): void {
  if (typeof body.sha1 === 'string' && body.sha1.includes('.')) {
    forge.state.ended_tokens.push(hashSecret(body.sha1))
    forge.changed()
    return
  }
  const token_hash = typeof body.sha1 === 'string' ? hashSecret(body.sha1) : undefined
  const token = forge.state.access_tokens.find(
    (one) => one.id === body.id || one.token_hash === token_hash,
  )
  if (!token) throw new ControlError('no such token')
  end(token)
  forge.changed()
}

function prohibitLogin(forge: Forge, login: string, prohibit_login: boolean): object {
  const account = findAccount(forge, login)
  if (!account) throw new ControlError(`no account ${login}`)
  account.prohibit_login = prohibit_login
  forge.changed()
  return { login: account.login, prohibit_login }
}

function text(body: Body, name: string): string {
  const value = body[name]
  if (typeof value !== 'string' || value === '') throw new ControlError(`${name} is missing`)
  return value
}
